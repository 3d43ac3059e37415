#pragma once
// Tries on made-up records whether one record's loss and gradient depend on the others, before a private record is
// read. The analysis of the recorder (recorder.h) proves independence for what goes through LibTorch's dispatcher; the
// probe looks at results alone, so that it sees what is hidden from it: numbers that the program computes itself,
// writes through raw pointers, a loss that is scaled by the size of the batch.
//
// For a record i in its slot of a batch of B:
//   others replaced          loss_i and its gradient must not change in a single bit, generators restored each time
//   others not a number      loss_i must not change in a single bit (floating-point inputs)
//   batch of B + 1, 2B + 1,  loss_i and |gradient_i| may change by rounding alone: kernels differ with the batch
//   and of a training pass
//   another place            the same. Random numbers are replaced by constants in both, because a longer batch draws
//                            others; a model whose results follow numbers without a constant (constant_draws.h) is
//                            not compared in these two ways, and a note says so.
// When two identical runs already differ (threads that add in any order), and always on a device, "not in a single bit"
// becomes "by rounding". The model runs in full precision (full_precision.h).
// Rounding is |a - b| <= tolerance max(|a|, |b|, 1e-6), see kProbeToleranceFloat and the like: a model
// that a change of that size can hide in is not found out by this probe. What is not a number in both runs has not
// changed, and sizes are those of what is finite; a note says that losses or gradients were not.

#include <ATen/core/Tensor.h>
#include <sotto/optim/input_spec.h>
#include <sotto/optim/named_parameter.h>

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace sotto::optim {

struct ProbeOptions {
  int64_t batch = 4;  // records per run, at least 2
  uint64_t seed = 1;  // of the made-up records
  int64_t pass = 0;   // another size of a batch to try: that of a forward pass of training
};

// Relative to the larger of two results; float, double and half precision (any parameter in it). Sums of 10^4 terms of
// alternating sign lose about 1e-3 in float, which stays below half the smallest change that a scale of 1 / B makes at
// B = 256. A few operators in bf16, u = 2^-8, lose some hundredths.
inline constexpr double kProbeToleranceHalf = 3e-2;
inline constexpr double kProbeToleranceFloat = 1e-3;
inline constexpr double kProbeToleranceDouble = 1e-9;

struct ProbeReport {
  std::vector<std::string> problems;  // empty: nothing found
  std::vector<std::string> notes;     // what could not be tried
  bool bitwise = false;               // identical runs gave identical bits, so that equality was demanded
  int64_t runs = 0;                   // forward passes made

  bool passed() const { return problems.empty(); }
};

using ProbedLosses = std::function<at::Tensor(const std::vector<at::Tensor>& inputs)>;

// Gradients are those of LibTorch's autograd, not of the tape's rules. Parameters, buffers and the default
// generator are as before when it returns. Throws UsageError for bad options or specs; what the model throws on the
// first batch passes through, and what it throws later unless a problem was found before.
ProbeReport probe(const std::vector<NamedParameter>& parameters, const std::vector<InputSpec>& specs,
                  const ProbedLosses& losses, ProbeOptions options = {});

}  // namespace sotto::optim

#pragma once
// One operator that consumes one trainable parameter (or a tensor made of parameters alone), and what is needed to turn
// the gradient of the operator's output into per-record gradients of that parameter.
//
// Letters: B records, T positions per record, p outputs, d inputs, N elements of the parameter.

#include <ATen/core/Tensor.h>
#include <sotto/optim/operator_call.h>
#include <sotto/optim/step_device.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace sotto::optim {

// How the squared norm of a use is computed. The choice follows from shapes and memory, never from
// values.
enum class Strategy {
  automatic,
  rank_one,  // T = 1: |a|^2 |b|^2
  gram,      // <A A^T, B B^T>: no per-record gradient, but it cancels, so an error bound is added
  keep,      // per-record gradients are made once and kept for the weighted sum
  drop,      // per-record gradients are made for the norm, and again for the sum
};
const char* to_string(Strategy strategy);

// What the costs of a use's strategies follow from (use_planner.h).
struct UseShape {
  int64_t elements = 0;        // N; 0: there is nothing to choose
  int64_t factors = 0;         // elements that are held per record unless its gradient is kept
  double multiplications = 0;  // that make one record's gradient
  // Where it is the product of one [T, rows] and one [T, columns] matrix: rank_one or gram can be had.
  int64_t positions = 0;
  int64_t rows = 0;
  int64_t columns = 0;
};

// Squared norms of every record's gradient, each [B] in double, contiguous, where the parameters are.
//   computed <= true + slack  and  true <= computed + slack
// computed + slack also bounds the squared norm of the rounded gradient that add_weighted() sums; weights are taken
// from it.
struct SquaredNorms {
  at::Tensor computed;
  at::Tensor slack;
};

class ParameterUse {
 public:
  virtual ~ParameterUse() = default;

  // Where the tensors are that it gets and makes; before bind(). The processor unless told otherwise.
  void set_device(const StepDevice& device) { device_ = device; }

  // Takes the gradient of the operator's output (shape of the output), in float or double.
  virtual void bind(at::Tensor output_gradient) = 0;
  // Takes over what `other` adds to the same elements, so that a weight used at every time step costs one use. Both are
  // bound, neither has chosen. False when it cannot; `other` is of no use after true.
  virtual bool absorb(ParameterUse& /*other*/) { return false; }
  // Known from the start. Of uses that absorb each other the positions add up.
  virtual UseShape shape() const { return {}; }
  // Called once, after bind and before what follows. A strategy that cannot be had is replaced by one that can;
  // `chunk_bytes` bounds the per-record gradients that are made at a time where they are not kept.
  virtual void choose(Strategy /*strategy*/, int64_t /*chunk_bytes*/) {}
  // Per-record gradients of records [begin, end): [end - begin, N] in the order of the consumed tensor's elements.
  virtual at::Tensor per_record(int64_t begin, int64_t end) = 0;
  virtual void add_squared_norms(SquaredNorms& norms) = 0;
  // total[N] += sum_i weights[i] g_i. Records with weight 0 add nothing, also when their gradient is NaN.
  virtual void add_weighted(const at::Tensor& weights, at::Tensor& total) = 0;
  // The same into a tensor of the consumed tensor's sizes and any strides.
  virtual void add_weighted_strided(const at::Tensor& weights, at::Tensor& total);

  // All rows, [B, N], where bind() has made them; else not defined.
  virtual at::Tensor kept_rows() const { return {}; }

  virtual Strategy strategy() const = 0;
  // Bytes that are freed with the use, once it has chosen.
  virtual int64_t held_bytes() const { return 0; }

 protected:
  const StepDevice& device() const { return device_; }

 private:
  StepDevice device_;
};

struct MadeUse {
  std::unique_ptr<ParameterUse> use;
  // Where the consumed tensor repeats its elements for every record (expand made it so). The per-record gradients are
  // then those of the part that one record sees: batch_first(consumed)[0].
  std::optional<BatchPosition> replicated = std::nullopt;
  // The use takes the gradient that leaves the node of the operator's first output by this edge, instead of the one
  // that arrives there.
  std::optional<size_t> leaving_edge = std::nullopt;
};

// The rule of operator `call.name` for its argument number `argument`, without a use when there is none. `element` is
// the place in the argument when that is a list of tensors. Called while the operator's outputs are alive; keeps what
// the per-record gradient needs and no more. Throws Refusal.
MadeUse make_parameter_use(const OperatorCall& call, size_t argument, size_t element, BatchPosition output);

}  // namespace sotto::optim

#include <ATen/core/grad_mode.h>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <sotto/optim/explain_model.h>
#include <sotto/optim/generator.h>
#include <sotto/optim/held_bytes.h>
#include <sotto/optim/preflight.h>
#include <sotto/privacy/error.h>
#include <torch/csrc/autograd/autograd.h>

#include <algorithm>
#include <chrono>

namespace sotto::optim {
namespace {

using Tensors = std::vector<at::Tensor>;
using Losses = std::function<at::Tensor(const Tensors&)>;

constexpr int64_t kBatch = 4;
constexpr uint64_t kSeed = 1;

double seconds_of(const std::function<void()>& work) {
  work();  // buffers and threads are ready
  double best = 1e300;
  for (int run = 0; run < 3; ++run) {
    const auto start = std::chrono::steady_clock::now();
    work();
    best = std::min(best, std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
  }
  return best;
}

std::string cost_of(const std::vector<NamedParameter>& parameters, const Tensors& constants,
                    const std::vector<InputSpec>& specs, TapeOptions options, const Losses& losses,
                    double records_per_step) {
  constexpr double kMilli = 1e3;
  const GeneratorState generators;
  options.phase_ended = {};
  Tape tape(parameters, constants, {}, options);
  const Tensors inputs = made_up_inputs(specs, kBatch, kSeed, parameters.at(0).tensor.device());
  const double alone = seconds_of([&] { tape.run(inputs, losses); }) / static_cast<double>(kBatch);
  std::string text = fmt::format(
      "fallback per-record: every record is a forward and a backward pass of its own, {:.3g} ms on made-up records, "
      "about {:.3g} s per step",
      kMilli * alone, alone * records_per_step);
  try {
    const at::AutoGradMode with_gradients(true);
    Tensors tensors;
    for (const NamedParameter& parameter : parameters) tensors.push_back(parameter.tensor);
    const double together =
        seconds_of([&] { torch::autograd::grad({losses(inputs).sum()}, tensors, {}, {}, false, true); }) /
        static_cast<double>(kBatch);
    text += fmt::format("; a plain pass over {} of them takes {:.3g} ms each, {:.1f} times less", kBatch,
                        kMilli * together, alone / together);
  } catch (const std::exception&) {
    text += "; the model cannot be run on several records at once";
  }
  return text;
}

}  // namespace

std::optional<BatchFit> fit_batch(const std::vector<NamedParameter>& parameters, const Tensors& constants,
                                  const std::vector<InputSpec>& specs, const TapeOptions& options, const Losses& losses,
                                  int64_t records_per_pass) {
  const GeneratorState generators;
  TapeOptions least = options;
  least.phase_ended = {};
  Tape tape(parameters, constants, {}, least);
  if (!HeldBytes().counts()) return std::nullopt;
  try {
    return largest_batch_within(options.memory_bytes, records_per_pass, [&](int64_t batch) {
      return tape.run(made_up_inputs(specs, batch, kSeed, parameters.at(0).tensor.device()), losses).least_bytes();
    });
  } catch (const InternalError&) {
    throw;
  } catch (const std::exception&) {
    return std::nullopt;
  }
}

std::vector<std::string> preflight(const std::vector<NamedParameter>& parameters, const Tensors& constants,
                                   const std::vector<InputSpec>& specs, bool declared, const TapeOptions& options,
                                   const Losses& losses, int64_t records_per_pass, double records_per_step) {
  const Explanation found = explain_model(parameters, constants, specs, losses,
                                          {.batch = kBatch, .seed = kSeed, .pass = records_per_pass, .tape = options});
  if (found.only_the_model_failed() && !declared) {
    return {
        fmt::format("independence was not probed: the model cannot be run on made-up records that are like the "
                    "private ones in sizes and dtypes alone ({}). Declare its inputs",
                    found.failure)};
  }
  if (!found.accepted()) throw UsageError(fmt::format("{}", fmt::join(found.problems, "; ")));
  std::vector<std::string> notes = found.notes;
  if (!declared) notes.emplace_back("the inputs of the made-up records were derived from sizes and dtypes");
  if (options.fallback == Fallback::per_record)
    notes.push_back(cost_of(parameters, constants, specs, options, losses, records_per_step));
  return notes;
}

}  // namespace sotto::optim

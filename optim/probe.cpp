#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/zeros_like.h>
#include <fmt/format.h>
#include <sotto/optim/constant_draws.h>
#include <sotto/optim/full_precision.h>
#include <sotto/optim/generator.h>
#include <sotto/optim/libtorch_message.h>
#include <sotto/optim/operator_call.h>
#include <sotto/optim/probe.h>
#include <sotto/optim/sum_dtype.h>
#include <sotto/privacy/error.h>
#include <torch/csrc/autograd/autograd.h>

#include <algorithm>
#include <limits>
#include <optional>
#include <set>

namespace sotto::optim {
namespace {

using Tensors = std::vector<at::Tensor>;

struct Result {
  at::Tensor loss;      // of one record, []
  at::Tensor gradient;  // all parameters, flattened
};

constexpr double kSmallestScale = 1e-6;  // below it, results are compared absolutely

// b - a, and zero where both are the same, not a number included.
at::Tensor change(const at::Tensor& a, const at::Tensor& b) {
  const at::Tensor same = a.eq(b).logical_or_(a.isnan().logical_and_(b.isnan()));
  return (b - a).masked_fill_(same, 0.0);
}

bool identical(const at::Tensor& a, const at::Tensor& b) {
  return change(a, b).eq(0.0).all().item<bool>();
}

double finite_norm(const at::Tensor& tensor) {
  return tensor.nan_to_num(0.0, 0.0, 0.0).norm().item<double>();
}

class Probe {
 public:
  Probe(const std::vector<NamedParameter>& parameters, const std::vector<InputSpec>& specs, const ProbedLosses& losses,
        const ProbeOptions& options)
      : specs_(specs), losses_(losses), options_(options), slots_{0, options.batch / 2, options.batch - 1} {
    for (const NamedParameter& parameter : parameters) parameters_.push_back(parameter.tensor);
    inputs_ = made_up(options.batch, 0);
  }

  ProbeReport run();

 private:
  Tensors made_up(int64_t batch, uint64_t variation) const;
  at::Tensor losses_of(const Tensors& inputs);
  Result result(const at::Tensor& losses, int64_t slot) const;
  std::vector<Result> results(const Tensors& inputs);
  bool equal_up_to_rounding(const at::Tensor& a, const at::Tensor& b) const;
  void compare(const Result& before, const Result& now, bool exactly, const std::string& what);
  void replace_others(const std::vector<Result>& base);
  void break_others(const std::vector<Result>& base);
  bool draws_matter(const std::vector<Result>& base);
  void vary_the_batch();
  void try_all();
  void problem(const std::string& text);

  Tensors parameters_;
  const std::vector<InputSpec>& specs_;
  const ProbedLosses& losses_;
  const ProbeOptions& options_;
  std::set<int64_t> slots_;
  Tensors inputs_;
  GeneratorState generators_;
  std::optional<uint64_t> seed_of_draws_;  // instead of generators_
  ProbeReport report_;
};

Tensors Probe::made_up(int64_t batch, uint64_t variation) const {
  return made_up_inputs(specs_, batch, options_.seed + variation, parameters_.at(0).device());
}

void Probe::problem(const std::string& text) {
  const std::string full = "[probe] " + text;
  if (std::find(report_.problems.begin(), report_.problems.end(), full) == report_.problems.end())
    report_.problems.push_back(full);
}

at::Tensor Probe::losses_of(const Tensors& inputs) {
  seed_of_draws_ ? seed_generator(*seed_of_draws_) : generators_.restore();
  ++report_.runs;
  const at::AutoGradMode with_gradients(true);
  Tensors copies;
  for (const at::Tensor& input : inputs) copies.push_back(input.clone());
  at::Tensor losses = losses_(copies);
  const int64_t batch = inputs.at(0).size(0);
  if (!losses.defined() || losses.dim() != 1 || losses.size(0) != batch) {
    throw UsageError(fmt::format("[probe] the model must return one loss per record, a tensor of sizes [{}]: got {}",
                                 batch, losses.defined() ? sizes_text(losses.sizes()) : "an undefined tensor"));
  }
  if (!losses.requires_grad()) {
    throw UsageError("[probe] the losses do not depend on any trainable parameter: is gradient mode switched off?");
  }
  return losses;
}

Result Probe::result(const at::Tensor& losses, int64_t slot) const {
  const at::AutoGradMode with_gradients(true);
  const Tensors gradients = torch::autograd::grad({losses[slot]}, parameters_, {}, /*retain_graph=*/true,
                                                  /*create_graph=*/false, /*allow_unused=*/true);
  Tensors flat;
  for (size_t p = 0; p < parameters_.size(); ++p) {
    const at::Tensor gradient =
        gradients[p].defined() ? gradients[p].to_dense() : at::zeros_like(parameters_[p]).detach();
    flat.push_back(gradient.to(sum_dtype(parameters_[p])).reshape({-1}));
  }
  return {losses.detach()[slot].clone(), at::cat(flat)};
}

std::vector<Result> Probe::results(const Tensors& inputs) {
  const at::Tensor losses = losses_of(inputs);
  std::vector<Result> all;
  for (const int64_t slot : slots_) all.push_back(result(losses, slot));
  return all;
}

bool Probe::equal_up_to_rounding(const at::Tensor& a, const at::Tensor& b) const {
  const auto any = [&](const auto& has) {
    return std::any_of(parameters_.begin(), parameters_.end(),
                       [&](const at::Tensor& parameter) { return has(parameter.scalar_type()); });
  };
  const bool fine = !any([](at::ScalarType dtype) { return dtype != at::kDouble; });
  const double tolerance = fine                     ? kProbeToleranceDouble
                           : any(is_half_precision) ? kProbeToleranceHalf
                                                    : kProbeToleranceFloat;
  const double difference = change(a, b).norm().item<double>();
  return difference <= tolerance * std::max({finite_norm(a), finite_norm(b), kSmallestScale});
}

void Probe::compare(const Result& before, const Result& now, bool exactly, const std::string& what) {
  const auto same = [&](const at::Tensor& a, const at::Tensor& b) {
    return exactly ? identical(a, b) : equal_up_to_rounding(a, b);
  };
  if (!same(before.loss, now.loss)) {
    problem(fmt::format("the loss of a made-up record changes from {:.9g} to {:.9g} when {}",
                        before.loss.item<double>(), now.loss.item<double>(), what));
  } else if (!same(before.gradient, now.gradient)) {
    problem(fmt::format("the gradient of a made-up record changes (norm {:.9g} to {:.9g}) when {}",
                        before.gradient.norm().item<double>(), now.gradient.norm().item<double>(), what));
  }
}

void Probe::replace_others(const std::vector<Result>& base) {
  for (const uint64_t variation : {1, 2}) {
    const Tensors others = made_up(options_.batch, variation);
    size_t s = 0;
    for (const int64_t slot : slots_) {
      Tensors inputs;
      for (size_t t = 0; t < others.size(); ++t) {
        inputs.push_back(others[t].clone());
        inputs[t][slot].copy_(inputs_[t][slot]);
      }
      compare(base[s++], result(losses_of(inputs), slot), report_.bitwise, "the other records of its batch change");
    }
  }
}

void Probe::break_others(const std::vector<Result>& base) {
  const bool any =
      std::any_of(inputs_.begin(), inputs_.end(), [](const at::Tensor& x) { return x.is_floating_point(); });
  if (!any) return;
  size_t s = 0;
  for (const int64_t slot : slots_) {
    Tensors inputs;
    for (const at::Tensor& input : inputs_) {
      inputs.push_back(input.clone());
      if (!input.is_floating_point()) continue;
      inputs.back().fill_(std::numeric_limits<double>::quiet_NaN());
      inputs.back()[slot].copy_(input[slot]);
    }
    const Result& before = base[s++];
    try {
      const at::Tensor losses = losses_of(inputs);
      if (!identical(before.loss, losses.detach()[slot]))
        problem("the loss of a made-up record changes when the other records of its batch are not a number");
    } catch (const std::exception& error) {
      report_.notes.push_back(
          fmt::format("the model cannot be run on records that are not a number ({})", libtorch_message(error)));
      return;
    }
  }
}

// Whether results follow random numbers that are no constants. A longer batch draws others, and another place of the
// batch has others.
bool Probe::draws_matter(const std::vector<Result>& base) {
  bool matter = false;
  for (const uint64_t seed : {1, 2}) {
    seed_of_draws_ = seed;
    const std::vector<Result> others = results(inputs_);
    for (size_t s = 0; s < base.size(); ++s) {
      matter = matter || !equal_up_to_rounding(base[s].loss, others[s].loss) ||
               !equal_up_to_rounding(base[s].gradient, others[s].gradient);
    }
  }
  seed_of_draws_.reset();
  return matter;
}

// Results of one record in batches of other sizes and at other places. Kernels differ with the batch.
void Probe::vary_the_batch() {
  std::vector<Tensors> longer;
  std::vector<int64_t> sizes = {options_.batch + 1, 2 * options_.batch + 1};
  if (options_.pass > options_.batch) sizes.push_back(options_.pass);
  for (const int64_t batch : sizes) {
    longer.push_back(made_up(batch, 3));
    for (size_t t = 0; t < inputs_.size(); ++t) longer.back()[t].slice(0, 0, options_.batch).copy_(inputs_[t]);
  }
  Tensors reversed;
  for (const at::Tensor& input : inputs_) reversed.push_back(input.flip(0));
  generators_.restore();
  const ConstantDraws constant_draws;
  const std::vector<Result> base = results(inputs_);
  if (constant_draws.incomplete() && draws_matter(base)) {
    report_.notes.emplace_back(
        "the model draws random numbers in a way that depends on the batch: sizes of the batch and places in it were "
        "not compared");
    return;
  }
  const auto compare_all = [&](const Tensors& inputs, const std::function<int64_t(int64_t)>& place, const char* what) {
    const at::Tensor losses = losses_of(inputs);
    size_t s = 0;
    for (const int64_t slot : slots_) compare(base[s++], result(losses, place(slot)), false, what);
  };
  for (const Tensors& inputs : longer) {
    compare_all(
        inputs, [](int64_t slot) { return slot; }, "the size of its batch changes");
  }
  compare_all(
      reversed, [&](int64_t slot) { return options_.batch - 1 - slot; }, "it moves to another place of its batch");
}

void Probe::try_all() {
  std::vector<Result> base = results(inputs_);
  for (const Result& each : base) {
    if (!each.loss.isfinite().item<bool>() || !each.gradient.isfinite().all().item<bool>()) {
      report_.notes.emplace_back(
          "losses or gradients of made-up records are not finite, which may hide what records do to one another: "
          "declare inputs that the model is meant for");
    }
  }
  const std::vector<Result> again = results(inputs_);
  // On a device kernels may add in any order: that two runs agree says nothing about the next one.
  const bool ordered = parameters_[0].is_cpu();
  report_.bitwise = ordered;
  for (size_t s = 0; s < base.size(); ++s) {
    report_.bitwise =
        report_.bitwise && identical(base[s].loss, again[s].loss) && identical(base[s].gradient, again[s].gradient);
    compare(base[s], again[s], false, "the same batch is run again: the model keeps something between its calls");
  }
  if (!report_.passed()) return;
  if (!ordered)
    report_.notes.emplace_back("results of a device are compared up to rounding");
  else if (!report_.bitwise)
    report_.notes.emplace_back("two runs on the same records differ by rounding");
  replace_others(base);
  break_others(base);
  vary_the_batch();
  const std::vector<Result> last = results(inputs_);
  for (size_t s = 0; s < base.size(); ++s)
    compare(base[s], last[s], report_.bitwise,
            "the model has seen other batches: it keeps something between its calls");
}

ProbeReport Probe::run() {
  const FullPrecision full_precision;  // rounded to TF32, results change by more with the batch
  try {
    try_all();
  } catch (const std::exception& error) {
    if (report_.passed()) throw;  // what was found is not lost
    report_.notes.push_back(fmt::format("the probe ended early ({})", libtorch_message(error)));
  }
  return report_;
}

}  // namespace

ProbeReport probe(const std::vector<NamedParameter>& parameters, const std::vector<InputSpec>& specs,
                  const ProbedLosses& losses, ProbeOptions options) {
  if (options.batch < 2) throw UsageError(fmt::format("[probe] batch: {}; must be at least 2", options.batch));
  if (parameters.empty()) throw UsageError("[probe] the model has no trainable parameter");
  if (specs.empty()) throw UsageError("[probe] no input is declared: at least one is needed");
  return Probe(parameters, specs, losses, options).run();
}

}  // namespace sotto::optim

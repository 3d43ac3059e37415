#include <ATen/TensorOperators.h>
#include <ATen/ops/empty.h>
#include <fmt/format.h>
#include <sotto/optim/generator.h>
#include <sotto/optim/operator_call.h>
#include <sotto/optim/preflight.h>
#include <sotto/optim/private_training.h>
#include <sotto/optim/training_ledger.h>
#include <sotto/privacy/error.h>
#include <torch/optim/lbfgs.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <set>
#include <utility>

namespace sotto::optim {
namespace {

// Records per physical batch: the fewest forward passes that an unusually large batch needs, evenly filled. From the
// plan alone, so that every pass has the same shape whatever was drawn.
int64_t records_per_pass(const privacy::PrivacyPlan& plan, int64_t largest) {
  constexpr double kUnusual = 3.0;  // standard deviations of the size of a batch
  const auto expected = static_cast<double>(plan.expected_batch_size());
  const double wanted = expected + kUnusual * std::sqrt(expected * (1.0 - plan.sampling_rate()));
  const double passes = std::ceil(wanted / static_cast<double>(largest));
  return static_cast<int64_t>(std::ceil(wanted / passes));
}

PrivateTrainingOptions with_fallback_of_the_noise(PrivateTrainingOptions options) {
  if (options.plan.noise() == privacy::Noise::discrete) options.tape.fallback = Fallback::per_record;
  return options;
}

PrivateTrainingOptions with_module_constants(PrivateTrainingOptions options, const torch::nn::Module& module) {
  for (const at::Tensor& buffer : module.buffers()) options.constants.push_back(buffer);
  for (const at::Tensor& parameter : module.parameters()) {
    if (!parameter.requires_grad()) options.constants.push_back(parameter);
  }
  return options;
}

}  // namespace

std::vector<NamedParameter> trainable_parameters(const torch::nn::Module& module) {
  std::vector<NamedParameter> result;
  std::set<const c10::TensorImpl*> seen;  // a tied parameter is listed under each of its names
  for (const auto& item : module.named_parameters()) {
    if (item.value().requires_grad() && seen.insert(item.value().unsafeGetTensorImpl()).second) {
      result.push_back({item.key(), item.value()});
    }
  }
  return result;
}

std::vector<size_t> module_groups(const std::vector<NamedParameter>& parameters) {
  std::map<std::string, size_t> index;
  std::vector<size_t> groups;
  for (const NamedParameter& parameter : parameters) {
    const size_t dot = parameter.name.rfind('.');
    const std::string owner = dot == std::string::npos ? "" : parameter.name.substr(0, dot);
    groups.push_back(index.emplace(owner, index.size()).first->second);
  }
  return groups;
}

PrivateTraining::PrivateTraining(const torch::nn::Module& module, torch::optim::Optimizer& optimizer, Records records,
                                 PrivateTrainingOptions options)
    : PrivateTraining(trainable_parameters(module), optimizer, std::move(records),
                      with_module_constants(options, module),
                      options.rule.per_group() ? module_groups(trainable_parameters(module)) : std::vector<size_t>{}) {}

PrivateTraining::PrivateTraining(std::vector<NamedParameter> parameters, torch::optim::Optimizer& optimizer,
                                 Records records, PrivateTrainingOptions options, std::vector<size_t> groups)
    : PrivateTraining(std::move(parameters), optimizer, std::move(records), options, std::move(groups), [&] {
        if (!options.insecure_test_seed) {
          return Keys{privacy::SecretKey::from_operating_system(), privacy::SecretKey::from_operating_system()};
        }
        const privacy::SecretKey root = privacy::SecretKey::insecure_for_tests(*options.insecure_test_seed);
        return Keys{root.derive("noise"), root.derive("sampler")};
      }()) {}

PrivateTraining::PrivateTraining(std::vector<NamedParameter> parameters, torch::optim::Optimizer& optimizer,
                                 Records records, PrivateTrainingOptions options, std::vector<size_t> groups, Keys keys)
    : options_(with_fallback_of_the_noise(std::move(options))),
      records_(std::move(records)),
      optimizer_(optimizer),
      clipper_(std::move(parameters), options_.constants, options_.rule, std::move(groups), options_.tape),
      ledger_([&] {
        check_before_start();
        return open_ledger(options_, options_.rule.sensitivity(), keys.noise, keys.sampler);
      }()),
      sampler_(options_.plan.sampling_rate(), std::move(keys.sampler)),
      evaluation_key_(keys.noise.derive("evaluations")),
      noise_key_(keys.noise.commitment()),
      lattice_([&]() -> std::optional<LatticeMechanism> {
        const std::optional<privacy::LatticeNoise>& noise = options_.plan.step_event().lattice;
        if (!noise) return std::nullopt;
        return LatticeMechanism(sampler_.event(*noise), options_.plan.expected_batch_size(), std::move(keys.noise));
      }()),
      mechanism_(sampler_.event(options_.plan.step_event().mechanism), options_.plan.expected_batch_size(),
                 std::move(keys.noise),
                 options_.rule.adaptive_clipping()
                     ? std::optional<double>(options_.rule.adaptive_clipping()->count_noise)
                     : std::nullopt) {
  if (options_.clip_norm) clipper_.set_clip_norm(*options_.clip_norm);
}

// Before the ledger is created: a run that is refused leaves nothing behind.
void PrivateTraining::check_before_start() const {
  if (options_.physical_batch < 1) {
    throw UsageError(fmt::format("[PrivateTraining] physical_batch: {}; must be at least 1", options_.physical_batch));
  }
  if (options_.plan.noise() == privacy::Noise::discrete && !options_.tape.device.where().is_cpu())
    throw UsageError(
        "[PrivateTraining] discrete noise: available on the processor only, where sums on the lattice are made; move "
        "the model there, or plan for normal noise");
  if (!records_.fetch)
    throw UsageError("[PrivateTraining] records.fetch: not set; it must return the tensors of a batch");
  check_planned_release(clipper_.parameters(), options_.plan, options_.rule);
  if (options_.rule.adaptive_clipping() && !options_.tape.device.where().is_cpu())
    throw UsageError(
        "[PrivateTraining] rule adaptive: available on the processor only, where the records are counted; move the "
        "model there, or take another rule");
  check_clip_norm(options_.rule, options_.resume, options_.clip_norm, options_.ledger);
  check_optimizer();
}

void PrivateTraining::check_optimizer() const {
  if (dynamic_cast<const torch::optim::LBFGS*>(&optimizer_) != nullptr) {
    throw UsageError(
        "[PrivateTraining] LBFGS evaluates the loss several times per step through a closure, which would query "
        "the private records without a charge: use an optimizer without a closure, such as SGD or Adam");
  }
  std::set<const c10::TensorImpl*> ours;
  for (const NamedParameter& parameter : clipper_.parameters()) ours.insert(parameter.tensor.unsafeGetTensorImpl());
  std::set<const c10::TensorImpl*> theirs;
  for (const auto& group : optimizer_.param_groups()) {
    for (const at::Tensor& parameter : group.params()) {
      const bool moves = parameter.requires_grad() || parameter.grad().defined();
      if (moves && !ours.contains(parameter.unsafeGetTensorImpl())) {
        throw UsageError(
            fmt::format("[PrivateTraining] the optimizer holds a parameter of sizes {} that is trainable or has a "
                        "gradient, and that the private step does not know: its gradient could only be a raw one",
                        sizes_text(parameter.sizes())));
      }
      theirs.insert(parameter.unsafeGetTensorImpl());
    }
  }
  for (const NamedParameter& parameter : clipper_.parameters()) {
    if (!theirs.contains(parameter.tensor.unsafeGetTensorImpl())) {
      throw UsageError(
          fmt::format("[PrivateTraining] parameter {} is trainable but the optimizer does not hold it: freeze it "
                      "or add it to the optimizer",
                      parameter.name));
    }
  }
}

int64_t PrivateTraining::steps_charged() const {
  return ledger_.contents().steps_charged();
}

double PrivateTraining::epsilon() const {
  return options_.plan.epsilon_of(ledger_.spent());
}

// The analysis of the batch position needs two places; one record is padded to two.
int64_t PrivateTraining::size_of_pass() const {
  return std::max<int64_t>(2, records_per_pass(options_.plan, options_.physical_batch));
}

void PrivateTraining::examine(const Losses& losses) {
  if (examined_) return;
  notes_.clear();
  fit_memory(options_.inputs.empty() ? records_.specs : options_.inputs, losses);
  std::vector<std::string> of_memory = std::move(notes_);
  notes_ = probed(clipper_.parameters(), options_.constants, losses);
  notes_.insert(notes_.end(), of_memory.begin(), of_memory.end());
  examined_ = true;
}

// Notes; throws where the losses are refused.
std::vector<std::string> PrivateTraining::probed(const std::vector<NamedParameter>& parameters,
                                                 const std::vector<at::Tensor>& constants, const Losses& losses) const {
  const bool declared = !options_.inputs.empty();
  const std::vector<InputSpec>& specs = declared ? options_.inputs : records_.specs;
  if (!options_.probe) return {"independence was not probed: switched off"};
  if (specs.empty()) return {"independence was not probed: the inputs of the model are not declared"};
  return preflight(parameters, constants, specs, declared, options_.tape, losses, size_of_pass(),
                   static_cast<double>(options_.plan.expected_batch_size()));
}

// Before the probe, which tries a pass of the size that training will have.
void PrivateTraining::fit_memory(const std::vector<InputSpec>& specs, const Losses& losses) {
  const int64_t allowed = options_.tape.memory_bytes;
  if (allowed == 0) return;
  if (options_.tape.fallback == Fallback::per_record) {
    notes_.emplace_back("the memory that is allowed changes nothing: every record is run on its own");
    return;
  }
  const int64_t wanted = size_of_pass();
  std::optional<BatchFit> fit;
  if (!specs.empty()) fit = fit_batch(clipper_.parameters(), options_.constants, specs, options_.tape, losses, wanted);
  if (!fit) {
    notes_.emplace_back("the physical batch was not fitted to the memory that is allowed: what it holds is not known");
    return;
  }
  if (fit->batch == 0) throw TooLittleMemory(allowed, fit->bytes);
  if (fit->batch == wanted) return;
  notes_.push_back(
      fmt::format("physical batch cut from {} to {} records, which hold {} bytes at least, to fit into the {} bytes "
                  "that are allowed",
                  std::exchange(options_.physical_batch, fit->batch), fit->batch, fit->bytes, allowed));
}

void PrivateTraining::require_budget() const {
  if (!finished()) return;
  throw BudgetExhausted(
      fmt::format("[PrivateTraining::step] all {} planned steps are charged: another one would exceed the "
                  "budget of epsilon {:.6g} at delta {:.6g}",
                  options_.plan.steps(), options_.plan.epsilon(), options_.plan.delta()));
}

// The passes of a new sample, and the start of its charge.
void PrivateTraining::draw_sample(bool& empty, const AddPass& add) {
  std::vector<int64_t> sample = sampler_.sample(records_.count);
  empty = sample.empty();
  if (accepted_ && !empty) {
    const double sensitivity = options_.rule.sensitivity();
    lattice_ ? lattice_->begin_charge(sensitivity, ledger_) : mechanism_.begin_charge(sensitivity, ledger_);
  }
  const auto per_pass = static_cast<size_t>(records_per_pass(options_.plan, options_.physical_batch));
  const auto size = static_cast<size_t>(size_of_pass());
  for (const std::vector<int64_t>& batch : physical_batches(std::move(sample), records_, per_pass)) {
    at::Tensor indices = at::empty({static_cast<int64_t>(size)}, at::kLong);
    std::vector<bool> active(size, false);
    for (size_t i = 0; i < size; ++i) {
      active[i] = i < batch.size();
      indices.mutable_data_ptr<int64_t>()[i] = batch[active[i] ? i : 0];
    }
    std::vector<at::Tensor> inputs = records_.fetch(indices);
    for (at::Tensor& input : inputs) input = options_.tape.device.copy_of(input);
    ended("sample and fetch");
    // Afresh for every pass: a state that the model kept from an earlier one is told from this one.
    if (is_private()) seed_generator_secretly();
    add(inputs, active);
  }
}

ClippedSum PrivateTraining::sum_of_sample(Clipper& clipper, const Losses& losses, bool& empty) {
  clipper.discard();  // what an earlier call left when the fetch of a later physical batch threw
  draw_sample(empty, [&](const std::vector<at::Tensor>& inputs, const std::vector<bool>& active) {
    clipper.add(inputs, losses, active);
  });
  return clipper.take();
}

PrivateGradient PrivateTraining::release_on_lattice(Clipper& clipper, const Losses& losses, bool& empty) {
  clipper.discard();
  LatticeSum sum(clipper);
  draw_sample(empty, [&](const std::vector<at::Tensor>& inputs, const std::vector<bool>& active) {
    sum.add(clipper, inputs, losses, active);
  });
  return lattice_->release(std::move(sum), ledger_);
}

void PrivateTraining::adapt(const std::optional<double>& noised_count) {
  if (!noised_count) return;
  clipper_.set_clip_norm(next_clip_norm(*options_.rule.adaptive_clipping(), options_.rule.clip_norm(), clip_norm(),
                                        *noised_count, options_.plan.expected_batch_size()));
  released_count_ = noised_count;
}

void PrivateTraining::ended(std::string_view phase) const {
  if (options_.tape.phase_ended) options_.tape.phase_ended(phase);
}

void PrivateTraining::compute_gradient(const Losses& losses) {
  require_budget();
  examine(losses);
  bool empty = false;
  if (lattice_) {
    written_ = release_on_lattice(clipper_, losses, empty).write_to(clipper_.parameters());
    accepted_ = accepted_ || !empty;
    return ended("charge and noise");
  }
  ClippedSum sum = sum_of_sample(clipper_, losses, empty);
  PrivateGradient released = mechanism_.release(std::move(sum), ledger_, options_.tape.device);
  adapt(released.count());
  written_ = std::move(released).write_to(clipper_.parameters());
  accepted_ = accepted_ || !empty;
  ended("charge and noise");
}

void PrivateTraining::update() {
  if (!written_)
    throw UsageError("[PrivateTraining::update] there is no gradient to apply: call compute_gradient() first");
  written_->check();
  check_optimizer();
  optimizer_.step();
  written_.reset();
  ended("update");
}

void PrivateTraining::step(const Losses& losses) {
  std::optional<FusedUpdate> fused;
  if (!lattice_) fused = FusedUpdate::of(optimizer_, clipper_.parameters(), options_.tape.device);
  if (!fused) {
    compute_gradient(losses);
    return update();
  }
  check_optimizer();
  written_.reset();
  require_budget();
  examine(losses);
  bool empty = false;
  ClippedSum sum = sum_of_sample(clipper_, losses, empty);
  adapt(mechanism_.release_into(std::move(sum), ledger_, *fused));
  accepted_ = accepted_ || !empty;
  ended("charge, noise, update");
}

}  // namespace sotto::optim

#include <ATen/ops/full.h>
#include <ATen/ops/index_select.h>
#include <ATen/ops/remainder.h>
#include <ATen/ops/zeros.h>
#include <sotto/optim/audited_training.h>
#include <sotto/privacy/adaptive_clipping.h>
#include <sotto/privacy/error.h>
#include <torch/optim/adam.h>
#include <torch/optim/sgd.h>

#include <cmath>
#include <cstdlib>
#include <cstring>

namespace sotto::optim {
namespace {

constexpr int64_t kKinds = 64;

// Flushed often and of no lasting value: in memory where there is such a folder.
std::filesystem::path temporary_folder() {
  const std::filesystem::path memory = "/dev/shm";
  std::error_code ignored;
  const bool in_memory = std::filesystem::is_directory(memory, ignored);
  std::string name = ((in_memory ? memory : std::filesystem::temp_directory_path()) / "sotto-audit-XXXXXX").string();
  if (::mkdtemp(name.data()) == nullptr)
    throw IoError("[AuditRun] cannot make a folder like " + name + ": " + std::strerror(errno));
  return name;
}

constexpr double kKept = 0.5;  // of what the optimizer had: momentum, or the first beta of Adam

std::unique_ptr<torch::optim::Optimizer> optimizer_of(const std::vector<NamedParameter>& parameters, ReadFrom read) {
  std::vector<at::Tensor> tensors;
  for (const NamedParameter& parameter : parameters) tensors.push_back(parameter.tensor);
  if (read == ReadFrom::adam) {
    const torch::optim::AdamOptions options = torch::optim::AdamOptions(0.0).betas({kKept, 0.5});
    return std::make_unique<torch::optim::Adam>(tensors, options);
  }
  const double momentum = read == ReadFrom::sgd ? kKept : 0.0;
  return std::make_unique<torch::optim::SGD>(tensors, torch::optim::SGDOptions(0.0).momentum(momentum));
}

}  // namespace

Records made_up_records(const std::vector<InputSpec>& specs, int64_t count, uint64_t seed) {
  if (specs.empty()) throw UsageError("[made_up_records] specs: empty; the inputs must be declared");
  Records result;
  result.count = count;
  result.specs = specs;
  result.fetch = [kinds = made_up_inputs(specs, kKinds, seed)](const at::Tensor& indices) {
    const at::Tensor kind = at::remainder(indices, kKinds);
    std::vector<at::Tensor> batch;
    for (const at::Tensor& input : kinds) batch.push_back(input.index_select(0, kind));
    return batch;
  };
  return result;
}

AuditedTraining of_one_number(const AuditedTraining& training) {
  const at::Tensor number = at::zeros({1}, at::kFloat);
  number.requires_grad_(true);
  AuditedTraining result{
      .parameters = {{"number", number}},
      .options = training.options,
      .losses = [number](const std::vector<at::Tensor>& inputs) { return inputs[0].mul(number).squeeze(1); }};
  result.options.constants = {};
  result.options.tape = {};
  result.options.inputs = {{.sizes = {1}}};
  result.options.rule = WeightRule::flat(1.0);
  return result;
}

Records DrawnRecords::watch(Records records) {
  records.fetch = [this, fetch = std::move(records.fetch)](const at::Tensor& indices) {
    const int64_t* begin = indices.const_data_ptr<int64_t>();
    passes_.indices.insert(begin, begin + indices.numel());
    std::vector<at::Tensor> inputs = fetch(indices);
    std::vector<std::vector<int64_t>> sizes;
    for (const at::Tensor& input : inputs) sizes.push_back(input.sizes().vec());
    passes_.sizes.insert(std::move(sizes));
    return inputs;
  };
  return records;
}

AuditRun::AuditRun(const AuditedTraining& training, Records records, std::optional<uint64_t> seed, ReadFrom read)
    : audited_(training),
      read_(read),
      folder_(temporary_folder()),
      optimizer_(optimizer_of(training.parameters, read)) {
  try {
    PrivateTrainingOptions options = training.options;
    options.ledger = folder_ / "ledger.jsonl";
    options.resume = false;
    options.probe = false;
    options.insecure_test_seed = seed;
    training_.emplace(training.parameters, *optimizer_, std::move(records), std::move(options), training.groups);
  } catch (...) {
    std::error_code ignored;
    std::filesystem::remove_all(folder_, ignored);
    throw;
  }
}

AuditRun::~AuditRun() {
  for (const NamedParameter& parameter : audited_.parameters) parameter.tensor.mutable_grad() = at::Tensor();
  training_.reset();
  std::error_code ignored;
  std::filesystem::remove_all(folder_, ignored);
}

// In double, on the processor.
at::Tensor AuditRun::kept_of(const at::Tensor& parameter) const {
  const auto& state = *optimizer_->state().at(parameter.unsafeGetTensorImpl());
  const at::Tensor kept = read_ == ReadFrom::adam
                              ? static_cast<const torch::optim::AdamParamState&>(state).exp_avg()
                              : static_cast<const torch::optim::SGDParamState&>(state).momentum_buffer();
  return kept.to(at::kCPU, at::kDouble, /*non_blocking=*/false, /*copy=*/true);
}

std::vector<at::Tensor> AuditRun::step() {
  const double clip_norm = training_->clip_norm();
  std::vector<at::Tensor> result = released();
  const PrivateTrainingOptions& options = audited_.options;
  const std::optional<AdaptiveClipping>& clipping = options.rule.adaptive_clipping();
  if (!clipping) return result;
  const double z = options.plan.noise_multiplier();
  const double of_gradient = privacy::gradient_noise_beside_count(z, clipping->count_noise);
  for (at::Tensor& sum : result) sum = sum.mul(z / (of_gradient * clip_norm));
  double count = count_that_moved(*clipping, options.rule.clip_norm(), clip_norm, training_->clip_norm(),
                                  options.plan.expected_batch_size());
  if (std::isnan(count)) count = training_->released_count().value();
  result.push_back(at::full({1}, count * z / clipping->count_noise, at::kDouble));
  return result;
}

std::vector<at::Tensor> AuditRun::released() {
  const auto divisor = static_cast<double>(audited_.options.plan.expected_batch_size());
  std::vector<at::Tensor> result;
  if (read_ == ReadFrom::gradient) {
    training_->compute_gradient(audited_.losses);
    for (const NamedParameter& parameter : audited_.parameters)
      result.push_back(parameter.tensor.grad().to(at::kCPU, at::kDouble).mul(divisor));
    return result;
  }
  training_->step(audited_.losses);
  std::vector<at::Tensor> kept;
  for (const NamedParameter& parameter : audited_.parameters) kept.push_back(kept_of(parameter.tensor));
  for (size_t p = 0; p < kept.size(); ++p) {
    // m = kept m + g of SGD, but the first, which is g; m = kept m + (1 - kept) g of Adam.
    at::Tensor released = kept_.empty() ? kept[p] : kept[p] - kept_[p] * kKept;
    if (read_ == ReadFrom::adam) released = released / (1 - kKept);
    result.push_back(released * divisor);
  }
  kept_ = std::move(kept);
  return result;
}

}  // namespace sotto::optim

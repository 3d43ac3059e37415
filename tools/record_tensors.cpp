#include <ATen/core/grad_mode.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/index_select.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/zeros.h>
#include <sotto/privacy/error.h>
#include <sotto/tools/record_tensors.h>
#include <unistd.h>

#include <algorithm>
#include <memory>
#include <numeric>

namespace sotto::tools {
namespace {

constexpr int64_t kRecordsAtOnce = 500;
constexpr int64_t kTokensAtOnce = 32'000;  // of these records: what they hold on the way grows with their length
constexpr double kLargestPixel = 255;
constexpr double kLargestShareOfMemory = 0.75;

}  // namespace

RecordTensors record_tensors(const data::LabelledImages& images) {
  RecordTensors result{at::empty({images.count, images.channels, images.height, images.width}, at::kByte),
                       at::empty({images.count}, at::kLong)};
  std::ranges::copy(images.pixels, result.inputs.mutable_data_ptr<uint8_t>());
  std::ranges::copy(images.labels, result.labels.mutable_data_ptr<int64_t>());
  return result;
}

RecordTensors record_tensors(const data::LabelledSequences& sequences) {
  RecordTensors result{at::empty({sequences.count, sequences.length}, at::kInt),
                       sequences.labels_per_token ? at::empty({sequences.count, sequences.length}, at::kLong)
                                                  : at::empty({sequences.count}, at::kLong)};
  std::ranges::copy(sequences.tokens, result.inputs.mutable_data_ptr<int32_t>());
  std::ranges::copy(sequences.labels, result.labels.mutable_data_ptr<int64_t>());
  return result;
}

RecordTensors record_tensors(const data::Table& table) {
  RecordTensors result{at::empty({table.count, table.features}, at::kFloat), at::empty({table.count}, at::kLong)};
  std::ranges::copy(table.values, result.inputs.mutable_data_ptr<float>());
  std::ranges::copy(table.labels, result.labels.mutable_data_ptr<int64_t>());
  return result;
}

at::Tensor as_model_input(const at::Tensor& inputs) {
  if (inputs.scalar_type() == at::kInt) return inputs.to(at::kLong);
  if (inputs.scalar_type() == at::kByte) return inputs.to(at::kFloat).div_(kLargestPixel / 2).sub_(1);
  return inputs;
}

namespace {

// Their count and buckets. Does not own the records.
optim::Records bucketed(const RecordTensors& records) {
  optim::Records result{.count = records.inputs.size(0), .fetch = {}};
  if (records.widths.defined())
    result.bucket = [widths = records.widths.const_data_ptr<int64_t>()](int64_t index) { return widths[index]; };
  return result;
}

// The inputs of some records of one width.
at::Tensor some_inputs(const RecordTensors& records, const at::Tensor& places) {
  at::Tensor inputs = records.inputs.index_select(0, places);
  if (records.widths.defined()) inputs = inputs.slice(-1, 0, records.widths[places[0].item<int64_t>()].item<int64_t>());
  return as_model_input(inputs);
}

// Calls `of` with the places of some records of one width at a time, until all had their turn.
void for_all(const RecordTensors& records, const std::function<void(const at::Tensor& places)>& of) {
  std::vector<int64_t> all(static_cast<std::size_t>(records.inputs.size(0)));
  std::iota(all.begin(), all.end(), 0);
  int64_t records_at_once = kRecordsAtOnce;
  if (records.widths.defined()) {
    const bool groups = records.inputs.dim() > 2 && !records.inputs.is_floating_point();
    const int64_t tokens = records.inputs.size(-1) * (groups ? records.inputs.size(1) : 1);
    records_at_once = std::clamp(kTokensAtOnce / tokens, int64_t{1}, kRecordsAtOnce);
  }
  for (const auto& batch :
       optim::physical_batches(std::move(all), bucketed(records), static_cast<std::size_t>(records_at_once)))
    of(at::tensor(batch, at::kLong));
}

}  // namespace

void require_memory(const std::vector<int64_t>& sizes, std::size_t bytes_of_one, const char* refusal) {
  double bytes = static_cast<double>(bytes_of_one);
  for (const int64_t size : sizes) bytes *= static_cast<double>(size);
  const double all = static_cast<double>(::sysconf(_SC_PHYS_PAGES)) * static_cast<double>(::sysconf(_SC_PAGESIZE));
  if (all > 0 && bytes > all * kLargestShareOfMemory) throw UsageError(refusal);
}

void prepare(const models::TrainableModel& model, RecordTensors& records) {
  if (!model.prepares()) return;
  const at::NoGradGuard no_grad;
  const at::Device device = model.trainable().at(0).tensor.device();
  const bool cut = model.keeps_places() && records.widths.defined();
  int64_t more = 0;  // places than the inputs have
  at::Tensor prepared;
  for_all(records, [&](const at::Tensor& places) {
    const at::Tensor given = some_inputs(records, places), some = model.prepare(given.to(device)).cpu();
    if (!prepared.defined()) {
      std::vector<int64_t> sizes = some.sizes().vec();
      sizes[0] = records.inputs.size(0);
      if (cut) more = some.size(-1) - given.size(-1);
      if (cut) sizes.back() = records.inputs.size(-1) + more;
      require_memory(sizes, some.element_size(),
                     "[prepare] what the frozen part of the model makes of all records, computed once, does not fit "
                     "into this machine's memory; less is kept of smaller inputs (of texts: --max-tokens), with "
                     "--adapt-layers also of shorter ones, and nothing where the whole model is adapted");
      prepared = at::zeros(sizes, some.options());
    }
    prepared.slice(-1, 0, some.size(-1)).index_copy_(0, places, some);
  });
  records.inputs = std::move(prepared);
  records.widths = cut ? records.widths + more : at::Tensor();
}

optim::Records labelled_records(RecordTensors records) {
  const auto shared = std::make_shared<const RecordTensors>(std::move(records));
  optim::Records result = bucketed(*shared);
  result.fetch = [shared](const at::Tensor& indices) {
    return std::vector<at::Tensor>{some_inputs(*shared, indices), shared->labels.index_select(0, indices)};
  };
  return result;
}

void for_scores(models::TrainableModel& model, const RecordTensors& records,
                const std::function<void(const at::Tensor& scores, const at::Tensor& places)>& of) {
  const at::NoGradGuard no_grad;
  model.set_evaluation(true);
  const at::Device device = model.trainable().at(0).tensor.device();
  for_all(records,
          [&](const at::Tensor& places) { of(model.forward(some_inputs(records, places).to(device)), places); });
  model.set_evaluation(false);
}

}  // namespace sotto::tools

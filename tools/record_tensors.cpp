#include <ATen/core/grad_mode.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/index_select.h>
#include <sotto/tools/record_tensors.h>

#include <algorithm>

namespace sotto::tools {
namespace {

constexpr int64_t kRecordsAtOnce = 500;
constexpr double kLargestPixel = 255;

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

void prepare(const models::TrainableModel& model, RecordTensors& records) {
  if (!model.prepares()) return;
  const at::NoGradGuard no_grad;
  const int64_t count = records.labels.size(0);
  at::Tensor prepared;
  for (int64_t begin = 0; begin < count; begin += kRecordsAtOnce) {
    const int64_t end = std::min(begin + kRecordsAtOnce, count);
    const at::Tensor some = model.prepare(as_model_input(records.inputs.slice(0, begin, end)));
    if (!prepared.defined()) {
      std::vector<int64_t> sizes = some.sizes().vec();
      sizes[0] = count;
      prepared = at::empty(sizes, some.options());
    }
    prepared.slice(0, begin, end).copy_(some);
  }
  records.inputs = std::move(prepared);
}

optim::Records labelled_records(RecordTensors records) {
  const int64_t count = records.labels.size(0);
  return {count, [records = std::move(records)](const at::Tensor& indices) {
            return std::vector<at::Tensor>{as_model_input(records.inputs.index_select(0, indices)),
                                           records.labels.index_select(0, indices)};
          }};
}

models::Hits count_hits(models::TrainableModel& model, const RecordTensors& records) {
  const at::NoGradGuard no_grad;
  model.set_evaluation(true);
  const at::Device device = model.trainable().at(0).tensor.device();
  models::Hits hits;
  for (int64_t begin = 0; begin < records.labels.size(0); begin += kRecordsAtOnce) {
    const int64_t end = std::min(begin + kRecordsAtOnce, records.labels.size(0));
    const at::Tensor scores = model.forward(as_model_input(records.inputs.slice(0, begin, end).to(device)));
    const models::Hits some = models::count_hits(scores, records.labels.slice(0, begin, end).to(device));
    hits.labels += some.labels;
    hits.correct += some.correct;
  }
  model.set_evaluation(false);
  return hits;
}

}  // namespace sotto::tools

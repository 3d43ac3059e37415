#include <ATen/ops/index_select.h>
#include <sotto/optim/records.h>
#include <sotto/privacy/error.h>

#include <algorithm>

namespace sotto::optim {

std::vector<std::vector<int64_t>> physical_batches(std::vector<int64_t> sample, const Records& records, size_t most) {
  SOTTO_ASSERT(most > 0);
  const auto bucket = [&](int64_t index) { return records.bucket ? records.bucket(index) : 0; };
  std::ranges::stable_sort(sample, {}, bucket);
  std::vector<std::vector<int64_t>> result;
  for (const int64_t index : sample) {
    const bool fits = !result.empty() && result.back().size() < most && bucket(result.back()[0]) == bucket(index);
    if (!fits) result.emplace_back();
    result.back().push_back(index);
  }
  return result;
}

Records tensor_records(std::vector<at::Tensor> tensors) {
  if (tensors.empty()) throw UsageError("[tensor_records] no tensor given: at least one is needed");
  for (const at::Tensor& tensor : tensors) {
    if (!tensor.defined() || tensor.dim() == 0 || tensor.size(0) != tensors[0].size(0)) {
      throw UsageError("[tensor_records] the tensors must have the same size in dimension 0, one entry per record");
    }
  }
  const int64_t count = tensors[0].size(0);
  std::vector<InputSpec> specs;
  for (const at::Tensor& tensor : tensors) specs.push_back(spec_of(tensor));
  return {count,
          [tensors = std::move(tensors)](const at::Tensor& indices) {
            std::vector<at::Tensor> batch;
            for (const at::Tensor& tensor : tensors) batch.push_back(tensor.index_select(0, indices));
            return batch;
          },
          {},
          std::move(specs)};
}

}  // namespace sotto::optim

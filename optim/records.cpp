#include <ATen/ops/index_select.h>
#include <sotto/optim/records.h>
#include <sotto/privacy/error.h>

namespace sotto::optim {

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
          std::move(specs)};
}

}  // namespace sotto::optim

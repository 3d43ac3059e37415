#include <ATen/functorch/BatchedFallback.h>
#include <ATen/functorch/BatchedTensorImpl.h>
#include <ATen/functorch/DynamicLayer.h>
#include <sotto/optim/pull_back.h>
#include <torch/csrc/autograd/engine.h>
#include <torch/csrc/autograd/variable.h>

namespace sotto::optim {
namespace {

namespace functorch = at::functorch;

class MappedOverRecords {
 public:
  explicit MappedOverRecords(int64_t records)
      : warned_(functorch::isVmapFallbackWarningEnabled()),
        level_(functorch::initAndPushDynamicLayer(functorch::TransformType::Vmap, records,
                                                  functorch::RandomnessType::Error)) {
    functorch::setVmapFallbackWarningEnabled(false);  // an operator without a batched form runs record by record
  }
  ~MappedOverRecords() {
    functorch::popDynamicLayerAndDeleteMetadata();
    functorch::setVmapFallbackWarningEnabled(warned_);
  }
  MappedOverRecords(const MappedOverRecords&) = delete;
  MappedOverRecords& operator=(const MappedOverRecords&) = delete;

  int64_t level() const { return level_; }

 private:
  bool warned_;
  int64_t level_;
};

std::vector<at::Tensor> execute(const std::vector<torch::autograd::Edge>& roots,
                                const std::vector<at::Tensor>& gradients,
                                const std::vector<torch::autograd::Edge>& outputs) {
  return torch::autograd::Engine::get_default_engine().execute(roots, gradients, /*keep_graph=*/true,
                                                               /*create_graph=*/false, /*accumulate_grad=*/false,
                                                               outputs);
}

}  // namespace

std::vector<at::Tensor> pull_back(const std::vector<at::Tensor>& values, const std::vector<at::Tensor>& gradients,
                                  const std::vector<at::Tensor>& parameters) {
  const int64_t records = gradients.at(0).size(0);
  std::vector<torch::autograd::Edge> roots, outputs;
  for (const at::Tensor& value : values) roots.push_back(torch::autograd::impl::gradient_edge(value));
  for (const at::Tensor& parameter : parameters) outputs.push_back(torch::autograd::impl::gradient_edge(parameter));
  std::vector<at::Tensor> pulled;
  {
    const MappedOverRecords mapped(records);
    std::vector<at::Tensor> batched;
    for (size_t k = 0; k < values.size(); ++k) {
      batched.push_back(functorch::makeBatched(gradients[k].to(values[k].scalar_type()), 0, mapped.level()));
    }
    pulled = execute(roots, batched, outputs);
    for (at::Tensor& tensor : pulled) {
      if (!tensor.defined()) continue;
      const auto* of_records = functorch::maybeGetBatchedImpl(tensor);
      tensor = of_records != nullptr && of_records->level() == mapped.level()
                   ? of_records->value().movedim(of_records->bdim(), 0)
                   : tensor.unsqueeze(0);
    }
  }
  for (size_t p = 0; p < pulled.size(); ++p) {
    if (!pulled[p].defined()) continue;
    std::vector<int64_t> sizes = parameters[p].sizes().vec();
    sizes.insert(sizes.begin(), records);
    pulled[p] = pulled[p].expand(sizes);
  }
  return pulled;
}

}  // namespace sotto::optim

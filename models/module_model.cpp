#include <sotto/models/module_model.h>
#include <sotto/models/module_state.h>

#include <utility>
#include <vector>

namespace sotto::models {
namespace {

class ModuleModel : public TrainableModel {
 public:
  explicit ModuleModel(std::shared_ptr<Network> network) : network_(std::move(network)) {}

  at::Tensor forward(const at::Tensor& prepared) override { return network_->forward(prepared); }

  at::Tensor prepare(const at::Tensor& inputs) const override { return network_->prepare(inputs); }
  bool prepares() const override { return network_->prepares(); }
  bool keeps_places() const override { return network_->keeps_places(); }

  Centred* centred() override { return network_->centred(); }

  void move_to(at::Device device) override { network_->to(device); }

  std::vector<NamedTensor> trainable() const override { return parameters(true); }

  std::vector<NamedTensor> constants() const override {
    std::vector<NamedTensor> result = parameters(false);
    for (NamedTensor& buffer : module_buffers(*network_)) result.push_back(std::move(buffer));
    return result;
  }

  std::vector<NamedTensor> state() const override {
    std::vector<NamedTensor> result = trainable();
    for (NamedTensor& named : constants()) result.push_back(std::move(named));
    return result;
  }

  void set_evaluation(bool on) override { network_->train(!on); }

 private:
  std::vector<NamedTensor> parameters(bool trainable) const {
    std::vector<NamedTensor> result = module_parameters(*network_);
    std::erase_if(result, [&](const NamedTensor& named) { return named.tensor.requires_grad() != trainable; });
    return result;
  }

  std::shared_ptr<Network> network_;
};

}  // namespace

std::unique_ptr<TrainableModel> make_module_model(std::shared_ptr<Network> network) {
  return std::make_unique<ModuleModel>(std::move(network));
}

}  // namespace sotto::models

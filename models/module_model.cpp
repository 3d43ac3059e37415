#include <sotto/models/module_model.h>

namespace sotto::models {
namespace {

class ModuleModel : public TrainableModel {
 public:
  explicit ModuleModel(std::shared_ptr<Network> network) : network_(std::move(network)) {}

  at::Tensor forward(const at::Tensor& prepared) override { return network_->forward(prepared); }

  at::Tensor prepare(const at::Tensor& inputs) const override { return network_->prepare(inputs); }
  bool prepares() const override { return network_->prepares(); }

  int64_t centred_width() const override { return network_->centred_width(); }
  double centred_norm() const override { return network_->centred_norm(); }
  at::Tensor centred_vectors(const at::Tensor& prepared) override { return network_->centred_vectors(prepared); }
  void set_centre(const at::Tensor& centre) override { network_->set_centre(centre); }

  void move_to(at::Device device) override { network_->to(device); }

  std::vector<NamedTensor> trainable() const override { return parameters(true); }

  std::vector<NamedTensor> constants() const override {
    std::vector<NamedTensor> result = parameters(false);
    for (const auto& item : network_->named_buffers()) result.push_back({item.key(), item.value()});
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
    std::vector<NamedTensor> result;
    for (const auto& item : network_->named_parameters())
      if (item.value().requires_grad() == trainable) result.push_back({item.key(), item.value()});
    return result;
  }

  std::shared_ptr<Network> network_;
};

}  // namespace

std::unique_ptr<TrainableModel> make_module_model(std::shared_ptr<Network> network) {
  return std::make_unique<ModuleModel>(std::move(network));
}

}  // namespace sotto::models

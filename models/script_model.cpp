#include <ATen/core/grad_mode.h>
#include <fmt/format.h>
#include <sotto/models/script_attributes.h>
#include <sotto/models/script_file.h>
#include <sotto/models/script_graph.h>
#include <sotto/models/script_lora.h>
#include <sotto/models/script_model.h>
#include <sotto/privacy/error.h>
#include <torch/csrc/jit/runtime/graph_executor.h>

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <unordered_map>
#include <unordered_set>
#include <utility>

namespace sotto::models {
namespace {

[[noreturn]] void refuse(const std::string& name, const std::string& what) {
  throw DataError(fmt::format("[--model] {}: {}", name, what));
}

// Tensors of one place in memory become one tensor: they are tied, and a file does not always say so.
using Place = std::tuple<const void*, at::ScalarType, std::vector<int64_t>, std::vector<int64_t>>;
Place place_of(const at::Tensor& tensor) {
  return {tensor.const_data_ptr(), tensor.scalar_type(), tensor.sizes().vec(), tensor.strides().vec()};
}

class Ties {
 public:
  c10::IValue tied(const c10::IValue& value) {
    if (value.isTensor()) {
      const at::Tensor& tensor = value.toTensor();
      if (!tensor.defined() || tensor.layout() != at::kStrided || tensor.numel() == 0) return value;
      const auto [found, added] = first_.emplace(place_of(tensor), tensor);
      return found->second;
    }
    if (value.isTensorList()) {
      c10::List<at::Tensor> list = value.toTensorList();
      for (size_t i = 0; i < list.size(); ++i) list.set(i, tied(c10::IValue(list.get(i))).toTensor());
    }
    return value;
  }

 private:
  std::map<Place, at::Tensor> first_;
};

void tie(torch::jit::Module& module) {
  Ties ties;
  // Parameters first, so that the one tensor is a parameter.
  for (const bool parameters : {true, false}) {
    for (const torch::jit::Module& part : module.modules()) {
      const auto& object = part._ivalue();
      for (size_t slot = 0; slot < object->type()->numAttributes(); ++slot)
        if (object->type()->is_parameter(slot) == parameters) object->setSlot(slot, ties.tied(object->getSlot(slot)));
    }
  }
}

// Has the tensors in memory of the processor while it lives, so that a file says nothing of a device.
class OnProcessor {
 public:
  explicit OnProcessor(const std::vector<const std::vector<NamedTensor>*>& tensors) {
    const at::NoGradGuard no_grad;
    for (const auto* some : tensors) {
      for (const NamedTensor& named : *some) {
        if (named.tensor.is_cpu()) continue;
        before_.emplace_back(named.tensor, named.tensor.detach());
        named.tensor.set_data(named.tensor.detach().cpu());
      }
    }
  }
  ~OnProcessor() {
    const at::NoGradGuard no_grad;
    for (const auto& [tensor, data] : before_) tensor.set_data(data);
  }
  OnProcessor(const OnProcessor&) = delete;
  OnProcessor& operator=(const OnProcessor&) = delete;

 private:
  std::vector<std::pair<at::Tensor, at::Tensor>> before_;
};

class ScriptModel : public TrainableModel {
 public:
  ScriptModel(const std::string& bytes, std::string name, const std::optional<LoraOptions>& lora)
      : name_(std::move(name)), module_(load_script(bytes, name_)) {
    check_code();
    tie(module_);
    if (lora) lora_.emplace(module_, *lora);
    for (const torch::jit::Module& part : module_.modules())
      if (part.hasattr("training")) exported_mode_.emplace_back(part, part.attr("training").toBool());
    sort_tensors();
    check_memory();
    held_ = graph_containers(module_);
    held_.emplace_back(module_._ivalue());
  }

  at::Tensor forward(const at::Tensor& input) override {
    const torch::jit::GraphOptimizerEnabledGuard as_written(false);
    std::optional<ScriptLora::Applied> adapted;
    if (lora_) adapted.emplace(*lora_, ScriptLora::For::pass);
    const std::string before = state_of(held_);
    const c10::IValue output = module_.forward({input});
    if (state_of(held_) != before)
      throw DataError(fmt::format(
          "[--model] {} changed an attribute or a default of its own while it ran: what a batch leaves behind "
          "reaches the next one without noise. Remove the assignment from forward()",
          name_));
    if (!output.isTensor())
      throw DataError(fmt::format("[--model] {}: forward() returns {}; must be a tensor", name_, output.tagKind()));
    return output.toTensor();
  }

  // The graph's constants and other attributes are among the constants.
  void move_to(at::Device device) override {
    const at::NoGradGuard no_grad;
    for (const auto* tensors : {&trainable_, &constants_}) {
      for (const NamedTensor& named : *tensors) {
        if (named.tensor.device() != device) named.tensor.set_data(named.tensor.detach().to(device));
      }
    }
  }

  std::vector<NamedTensor> trainable() const override { return trainable_; }
  std::vector<NamedTensor> constants() const override { return constants_; }

  // Buffers of types that safetensors has no name for stay in the TorchScript file alone.
  std::vector<NamedTensor> state() const override {
    std::unordered_set<const c10::TensorImpl*> buffers;
    for (const auto& named : module_.named_parameters()) buffers.insert(named.value.unsafeGetTensorImpl());
    for (const auto& named : module_.named_buffers()) buffers.insert(named.value.unsafeGetTensorImpl());
    std::vector<NamedTensor> result = trainable_;
    for (const NamedTensor& named : constants_)
      if (buffers.contains(named.tensor.unsafeGetTensorImpl()) && can_save(named.tensor)) result.push_back(named);
    return result;
  }

  void set_evaluation(bool on) override {
    for (auto& [part, training] : exported_mode_) part.setattr("training", training && !on);
  }

  bool has_file() const override { return true; }

  void write_file(const std::filesystem::path& path, const std::map<std::string, std::string>& texts) const override {
    const OnProcessor here({&trainable_, &constants_});
    std::optional<ScriptLora::Applied> merged;
    if (lora_) merged.emplace(*lora_, ScriptLora::For::file);
    write_script(path, module_, texts);
  }

 private:
  void check_code() const {
    const auto method = module_.find_method("forward");
    if (!method) refuse(name_, "has no method forward()");
    if (!module_.type()->getForwardHooks().empty() || !module_.type()->getForwardPreHooks().empty())
      refuse(name_, "has hooks around its forward(), which only Python runs; call what they do in forward()");
    const auto& arguments = method->function().getSchema().arguments();
    const auto mandatory = std::count_if(arguments.begin(), arguments.end(),
                                         [](const c10::Argument& argument) { return !argument.default_value(); });
    if (arguments.size() < 2 || mandatory > 2 || arguments[1].type()->kind() != c10::TypeKind::TensorType)
      refuse(name_,
             fmt::format("forward() takes {} mandatory arguments; must take one tensor of records", mandatory - 1));
    if (const auto refusal = graph_refusal(module_)) refuse(name_, *refusal);
  }

  void sort_tensors() {
    std::unordered_set<const c10::TensorImpl*> seen;
    const auto take = [&](const std::string& name, const at::Tensor& tensor) {
      if (!seen.insert(tensor.unsafeGetTensorImpl()).second) return;
      if (tensor.layout() != at::kStrided)
        refuse(name_, fmt::format("tensor {} is not dense, so that it cannot be followed", name));
      (tensor.requires_grad() ? trainable_ : constants_).push_back({name, tensor});
    };
    for (const auto& named : module_.named_parameters()) take(named.name, named.value);
    if (lora_)
      for (const NamedTensor& factor : lora_->factors()) take(factor.name, factor.tensor);
    const std::vector<NamedTensor> attributes = attribute_tensors(module_);
    for (const NamedTensor& named : attributes) {
      if (named.tensor.requires_grad() && !seen.contains(named.tensor.unsafeGetTensorImpl()))
        refuse(name_, fmt::format("tensor {} requires grad but is no parameter; register it as torch.nn.Parameter",
                                  named.name));
      take(named.name, named.tensor);
    }
    size_t number = 0;
    for (const at::Tensor& constant : graph_constants(module_)) take(fmt::format("constant {}", number++), constant);
    if (trainable_.empty())
      refuse(name_, constants_.empty() ? "has no parameter at all, so that there is nothing to train"
                                       : "has no trainable parameter: all are frozen (requires_grad is False)");
  }

  // A parameter that is a part of another's memory would move with it, unseen.
  void check_memory() const {
    std::unordered_map<const void*, const NamedTensor*> owners;
    for (const auto* tensors : {&trainable_, &constants_}) {
      for (const NamedTensor& named : *tensors) {
        if (named.tensor.numel() == 0) continue;
        const void* storage = named.tensor.storage().data();
        const auto [owner, added] = owners.emplace(storage, &named);
        if (!added && (named.tensor.requires_grad() || owner->second->tensor.requires_grad()))
          refuse(name_, fmt::format("{} and {} share a part of their memory; use one parameter, or clone() it",
                                    owner->second->name, named.name));
      }
    }
  }

  std::string name_;
  torch::jit::Module module_;
  std::optional<ScriptLora> lora_;
  std::vector<std::pair<torch::jit::Module, bool>> exported_mode_;
  std::vector<NamedTensor> trainable_, constants_;
  std::vector<c10::IValue> held_;  // what a call could leave something in for the next one
};

}  // namespace

std::unique_ptr<TrainableModel> load_script_model(const std::string& bytes, const std::string& name,
                                                  const std::optional<LoraOptions>& lora) {
  return std::make_unique<ScriptModel>(bytes, name, lora);
}

}  // namespace sotto::models

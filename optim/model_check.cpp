#include <ATen/core/grad_mode.h>
#include <fmt/format.h>
#include <sotto/optim/explain_model.h>
#include <sotto/optim/model_check.h>
#include <sotto/optim/operator_call.h>
#include <sotto/optim/private_training.h>
#include <sotto/optim/sum_dtype.h>
#include <torch/nn/modules/batchnorm.h>
#include <torch/nn/modules/container/sequential.h>
#include <torch/nn/modules/embedding.h>
#include <torch/nn/modules/instancenorm.h>
#include <torch/nn/modules/normalization.h>

#include <algorithm>
#include <optional>

namespace sotto::optim {
namespace {

namespace nn = torch::nn;

// The options of a batch norm of any rank.
std::optional<nn::BatchNormOptions> batch_norm_options(const nn::Module& module) {
  if (const auto* one = module.as<nn::BatchNorm1dImpl>()) return one->options;
  if (const auto* two = module.as<nn::BatchNorm2dImpl>()) return two->options;
  if (const auto* three = module.as<nn::BatchNorm3dImpl>()) return three->options;
  return std::nullopt;
}

bool has_instance_statistics(const nn::Module& module) {
  if (const auto* one = module.as<nn::InstanceNorm1dImpl>()) return one->options.track_running_stats();
  if (const auto* two = module.as<nn::InstanceNorm2dImpl>()) return two->options.track_running_stats();
  if (const auto* three = module.as<nn::InstanceNorm3dImpl>()) return three->options.track_running_stats();
  return false;
}

void check_normalisation(const std::string& path, const nn::Module& module, std::vector<Finding>& found) {
  if (const auto norm = batch_norm_options(module)) {
    if (module.is_training() || !norm->track_running_stats()) {
      found.push_back({path,
                       "batch norm normalises with the statistics of the whole batch: every record changes every other "
                       "record's gradient",
                       fmt::format("replace it by GroupNorm({}, {}) (replace_batch_norm does, on request){}",
                                   group_count(norm->num_features()), norm->num_features(),
                                   norm->track_running_stats() ? ", or freeze it with eval()" : ""),
                       true});
    } else {
      found.push_back({path, "frozen batch norm: its running statistics are used as constants", "", false});
    }
  }
  if (!has_instance_statistics(module)) return;
  if (!module.is_training()) {
    found.push_back({path, "frozen instance norm: its running statistics are used as constants", "", false});
  } else {
    found.push_back({path, "running statistics of records are written to buffers, which reach the next batch",
                     "set track_running_stats(false), or freeze it with eval()", true});
  }
}

template <class Options>
void check_embedding(const std::string& path, const Options& options, std::vector<Finding>& found) {
  if (options.scale_grad_by_freq()) {
    found.push_back({path, "gradients are scaled by how often a token occurs in the whole batch",
                     "set scale_grad_by_freq(false)", true});
  }
  if (options.max_norm()) {
    found.push_back(
        {path, "rows are renormalised while the model runs, depending on the records", "leave max_norm unset", true});
  }
}

void check_parameters(const nn::Module& model, std::vector<Finding>& found) {
  bool trainable = false;
  for (const auto& item : model.named_parameters()) {
    const at::Tensor& tensor = item.value();
    if (!tensor.requires_grad()) {
      found.push_back({item.key(), "frozen parameter: a constant, it is not trained", "", false});
      continue;
    }
    trainable = true;
    if (!has_sums(tensor.scalar_type())) {
      found.push_back({item.key(),
                       fmt::format("parameter of dtype {}: must be Float, Double, Half or BFloat16",
                                   c10::toString(tensor.scalar_type())),
                       "convert the model with to(torch::kFloat)", true});
    }
  }
  if (!trainable) {
    found.push_back({"", "no trainable parameter", "set requires_grad on the parameters that are to be trained", true});
  }
}

// Buffers but those of the normalisation modules, which have findings of their own.
void check_buffers(const std::string& path, const nn::Module& module, std::vector<Finding>& found) {
  if (batch_norm_options(module) || has_instance_statistics(module)) return;
  for (const auto& item : module.named_buffers(/*recurse=*/false)) {
    found.push_back({path.empty() ? item.key() : path + "." + item.key(),
                     fmt::format("buffer of sizes {}: a constant; a model that writes to it is refused",
                                 sizes_text(item.value().sizes())),
                     "", false});
  }
}

// Replaces a batch norm of one entry of a Sequential, whose own list of modules runs, beside the names.
Replacement replace(nn::SequentialImpl& owner, size_t index, const std::string& name, const std::string& path,
                    const nn::BatchNormOptions& options) {
  const int64_t channels = options.num_features();
  const int64_t groups = group_count(channels);
  nn::GroupNorm norm(nn::GroupNormOptions(groups, channels).eps(options.eps()).affine(options.affine()));
  const std::shared_ptr<nn::Module> old = owner[index];
  if (options.affine()) {
    const at::NoGradGuard no_grad;
    const auto parameters = old->named_parameters(/*recurse=*/false);
    norm->to(parameters["weight"].device(), parameters["weight"].scalar_type());
    norm->weight.copy_(parameters["weight"]);
    norm->bias.copy_(parameters["bias"]);
  }
  owner.replace_module(name, norm);
  *(owner.begin() + static_cast<std::ptrdiff_t>(index)) = nn::AnyModule(norm);
  return {path, channels, groups, true,
          fmt::format("{}: BatchNorm of {} channels replaced by GroupNorm({}, {}), {} channels per group", path,
                      channels, groups, channels, channels / groups)};
}

void replace_inside(nn::Module& module, const std::string& path, std::vector<Replacement>& done) {
  auto* sequential = module.as<nn::SequentialImpl>();
  const auto children = module.named_children();
  for (size_t c = 0; c < children.size(); ++c) {
    const std::string name = children[c].key();
    const std::string child_path = path.empty() ? name : path + "." + name;
    const auto options = batch_norm_options(*children[c].value());
    if (options && sequential != nullptr) {
      done.push_back(replace(*sequential, c, name, child_path, *options));
    } else if (options) {
      const int64_t channels = options->num_features();
      done.push_back({child_path, channels, group_count(channels), false,
                      fmt::format("{}: held in a member of the program's own module; declare it as GroupNorm({}, {})",
                                  child_path, group_count(channels), channels)});
    } else {
      replace_inside(*children[c].value(), child_path, done);
    }
  }
}

}  // namespace

std::vector<Finding> validate(const nn::Module& model) {
  std::vector<Finding> found;
  check_parameters(model, found);
  for (const auto& item : model.named_modules("", /*include_self=*/true)) {
    const nn::Module& module = *item.value();
    check_normalisation(item.key(), module, found);
    if (const auto* embedding = module.as<nn::EmbeddingImpl>()) check_embedding(item.key(), embedding->options, found);
    if (const auto* bag = module.as<nn::EmbeddingBagImpl>()) check_embedding(item.key(), bag->options, found);
    check_buffers(item.key(), module, found);
  }
  return found;
}

std::vector<Finding> validate(const nn::Module& model, const std::vector<InputSpec>& inputs,
                              const std::function<at::Tensor(const std::vector<at::Tensor>&)>& losses) {
  std::vector<Finding> found = validate(model);
  const std::vector<NamedParameter> parameters = trainable_parameters(model);
  const bool runs = std::none_of(parameters.begin(), parameters.end(), [](const NamedParameter& parameter) {
    return !has_sums(parameter.tensor.scalar_type());
  });
  if (parameters.empty() || !runs) return found;
  std::vector<at::Tensor> constants = model.buffers();
  for (const at::Tensor& parameter : model.parameters()) {
    if (!parameter.requires_grad()) constants.push_back(parameter);
  }
  for (const std::string& problem : explain_model(parameters, constants, inputs, losses).problems)
    found.push_back({"", problem, "", true});
  return found;
}

std::vector<Replacement> replace_batch_norm(nn::Module& model) {
  std::vector<Replacement> done;
  replace_inside(model, "", done);
  return done;
}

}  // namespace sotto::optim

#include <ATen/core/grad_mode.h>
#include <ATen/ops/empty.h>
#include <fmt/format.h>
#include <sotto/models/linear_layers.h>
#include <sotto/models/peft_adapter.h>
#include <sotto/models/peft_config.h>
#include <sotto/models/python_readme.h>
#include <sotto/models/state.h>
#include <sotto/privacy/atomic_file.h>
#include <sotto/privacy/atomic_folder.h>
#include <sotto/privacy/error.h>

#include <algorithm>
#include <set>
#include <string_view>
#include <vector>

namespace sotto::models {
namespace {

constexpr std::string_view kEncoder = "bert.";  // of a TextClassifier
constexpr std::string_view kPrefix = "base_model.model.";
constexpr std::size_t kMostBaseModelBytes = 4096;

static_assert(kMostPeftAlpha == kMostLoraAlpha);

constexpr const char* kConfig = "adapter_config.json";
constexpr const char* kFactors = "adapter_model.safetensors";
constexpr const char* kHead = "classifier.safetensors";

void check_base_model(const std::string& name) {
  if (name.empty() || name.size() > kMostBaseModelBytes ||
      std::ranges::any_of(name, [](unsigned char c) { return c < ' ' || c == 0x7f; }))
    throw UsageError(
        fmt::format("[write_peft_files] a base model of {} bytes; must be 1 to {} bytes without control characters",
                    name.size(), kMostBaseModelBytes));
}

// The name of an adapted layer within the encoder.
std::string within_encoder(const std::string& layer) {
  if (!layer.starts_with(kEncoder))
    throw UsageError(
        fmt::format("[write_peft_files] layer {} is adapted; must be one of the encoder, {}*", layer, kEncoder));
  return layer.substr(kEncoder.size());
}

// Everything that differs from the base model is a factor of `lora`.
void check_adapted(const TextClassifierImpl& model, const Lora& lora) {
  if (lora.merged())
    throw UsageError("[write_peft_files] the factors are merged into the weights; write them before merge()");
  std::set<std::string> factors;
  const auto parameters = model.named_parameters();
  for (const NamedTensor& factor : lora.factors()) {
    const at::Tensor* own = parameters.find(factor.name);
    if (own == nullptr || !own->is_same(factor.tensor))
      throw UsageError(fmt::format("[write_peft_files] {} is no factor of this model", factor.name));
    factors.insert(factor.name);
  }
  for (const auto& item : parameters) {
    if (!item.key().starts_with(kEncoder) || factors.contains(item.key())) continue;
    if (item.value().requires_grad() || item.key().ends_with(".lora_A") || item.key().ends_with(".lora_B"))
      throw UsageError(
          fmt::format("[write_peft_files] {} is trained or adapts a layer and would be missing; must be a factor of "
                      "the adapter that is written",
                      item.key()));
  }
}

// The linear layers of the encoder that the names stand for, as PEFT reads them: whole or as last parts.
std::vector<std::string> adapted_layers(const TextClassifierImpl& model, const PeftConfig& config,
                                        const std::filesystem::path& path) {
  const auto refuse = [&](const std::string& what) {
    throw DataError(fmt::format("[read_peft_factors] {}: {}", path.string(), what));
  };
  std::vector<std::string> result;
  std::set<std::string> used;
  for (const auto& [layer, linear] : linear_layers(*model.bert)) {
    bool wanted = false;
    for (const std::string& name : config.target_modules) {
      if (layer != name && !layer.ends_with("." + name)) continue;
      used.insert(name);
      wanted = true;
    }
    if (!wanted) continue;
    const int64_t most = std::min(linear->weight.size(0), linear->weight.size(1));
    if (config.rank > most)
      refuse(fmt::format("'r' is {}; must be at most {}, the smaller size of the weight of layer {}", config.rank, most,
                         layer));
    result.push_back(layer);
  }
  for (const std::string& name : config.target_modules)
    if (!used.contains(name))
      refuse(fmt::format("'target_modules' has a name that stands for no linear layer of the encoder: '{}'", name));
  return result;
}

std::string factor_name(const std::string& layer, char factor) {
  return fmt::format("{}{}.lora_{}.weight", kPrefix, layer, factor);
}

// To be filled from a file: on the CPU, of the type that the model has.
at::Tensor unfilled(at::IntArrayRef shape, const at::Tensor& like) {
  return at::empty(shape, at::TensorOptions().dtype(like.scalar_type()));
}

}  // namespace

void write_peft_files(const std::filesystem::path& folder, const TextClassifierImpl& model, const Lora& lora,
                      const std::string& base_model, const Metadata& more) {
  check_base_model(base_model);
  check_adapted(model, lora);
  PeftConfig config{.base_model = base_model, .rank = lora.rank(), .alpha = lora.alpha(), .target_modules = {}};
  std::vector<NamedTensor> factors;
  const std::vector<NamedTensor> own = lora.factors();  // A and B of each target
  for (std::size_t i = 0; i < lora.targets().size(); ++i) {
    config.target_modules.push_back(within_encoder(lora.targets()[i]));
    factors.push_back({factor_name(config.target_modules.back(), 'A'), own[2 * i].tensor});
    factors.push_back({factor_name(config.target_modules.back(), 'B'), own[2 * i + 1].tensor});
  }
  const std::string settings = format_peft_config(config);  // refuses what is not UTF-8 before a file is written

  const torch::nn::LinearImpl& head = *model.classifier;
  save_state(folder / kFactors, factors, {{"format", "pt"}});
  Metadata of_head = {{"format", "pt"}, {"pooling", std::string(pooling_name(model.pooling))}};
  of_head.insert(more.begin(), more.end());
  save_state(folder / kHead, {{"weight", head.weight}, {"bias", bias_without_centre(model)}}, of_head);
  privacy::write_file_atomically(folder / kConfig, settings);
  privacy::write_file_atomically(folder / "README.md",
                                 peft_readme(base_model, model.pooling, head.weight.size(0), more));
}

void write_peft_adapter(const std::filesystem::path& folder, const TextClassifierImpl& model, const Lora& lora,
                        const std::string& base_model) {
  privacy::AtomicFolder made(folder);
  write_peft_files(made.path(), model, lora, base_model);
  made.publish();
}

PeftAdapter read_peft_factors(const std::filesystem::path& folder, TextClassifierImpl& model) {
  const PeftConfig config = read_peft_config(folder / kConfig);
  const std::vector<std::string> layers = adapted_layers(model, config, folder / kConfig);

  // Everything is read before the model is touched.
  std::vector<NamedTensor> factors;
  LoraOptions options{.rank = config.rank, .alpha = config.alpha, .targets = {}};
  const auto modules = model.bert->named_modules("", /*include_self=*/false);
  for (const std::string& layer : layers) {
    const at::Tensor& weight = std::dynamic_pointer_cast<torch::nn::LinearImpl>(modules[layer])->weight;
    factors.push_back({factor_name(layer, 'A'), unfilled({config.rank, weight.size(1)}, weight)});
    factors.push_back({factor_name(layer, 'B'), unfilled({weight.size(0), config.rank}, weight)});
    options.targets.push_back(std::string(kEncoder) + layer);
  }
  load_published(folder / kFactors, factors, {});

  PeftAdapter result{std::make_unique<Lora>(model, options), config.base_model};
  SOTTO_ASSERT(result.lora->targets() == options.targets);
  const at::NoGradGuard no_grad;
  const std::vector<NamedTensor> own = result.lora->factors();
  for (std::size_t i = 0; i < own.size(); ++i) own[i].tensor.copy_(factors[i].tensor);
  return result;
}

PeftAdapter read_peft_adapter(const std::filesystem::path& folder, TextClassifierImpl& model) {
  const torch::nn::LinearImpl& head = *model.classifier;
  const std::vector<NamedTensor> stored = {{"weight", unfilled(head.weight.sizes(), head.weight)},
                                           {"bias", unfilled(head.bias.sizes(), head.bias)}};
  load_published(folder / kHead, stored, {});
  const Metadata metadata = SafetensorsFile::read(folder / kHead).metadata();
  const auto pooling = metadata.find("pooling");
  if (pooling == metadata.end() || pooling->second != pooling_name(model.pooling))
    throw DataError(fmt::format("[read_peft_adapter] {}: its metadata say pooling '{}'; the model's is '{}'",
                                (folder / kHead).string(), pooling == metadata.end() ? "" : pooling->second,
                                pooling_name(model.pooling)));
  PeftAdapter result = read_peft_factors(folder, model);
  const at::NoGradGuard no_grad;
  head.weight.copy_(stored[0].tensor);
  head.bias.copy_(stored[1].tensor);
  if (model.centre.defined()) model.centre.zero_();  // it is in the bias
  return result;
}

std::optional<PeftHead> read_peft_head(const std::filesystem::path& folder) {
  const std::filesystem::path path = folder / kHead;
  std::error_code ignored;
  if (!std::filesystem::exists(path, ignored)) return std::nullopt;
  const SafetensorsFile file = SafetensorsFile::read(path);
  const auto refuse = [&](const std::string& what) {
    throw DataError(fmt::format("[read_peft_head] {}: {}", path.string(), what));
  };
  const TensorView* weight = file.find("weight");
  if (weight == nullptr || weight->shape.size() != 2 || weight->shape[0] < 1 || weight->shape[1] < 1)
    refuse("has no weight [outputs, width] with at least one output");
  const auto pooling = file.metadata().find("pooling");
  const std::string named = pooling == file.metadata().end() ? "" : pooling->second;
  if (const auto known = pooling_named(named)) return PeftHead{weight->shape[0], *known};
  refuse(fmt::format("its metadata say pooling '{}'; must be mean, layers or first", named));
  return std::nullopt;
}

}  // namespace sotto::models

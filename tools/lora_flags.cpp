#include <fmt/format.h>
#include <fmt/ranges.h>
#include <sotto/tools/lora_flags.h>

#include <sstream>

namespace sotto::tools {

models::LoraOptions lora_options(const TrainOptions& o) {
  models::LoraOptions result;
  if (o.lora_rank) result.rank = *o.lora_rank;
  if (o.lora_alpha) result.alpha = *o.lora_alpha;
  if (o.lora_targets.empty()) return result;
  result.targets.clear();
  std::istringstream names(o.lora_targets);
  for (std::string name; std::getline(names, name, ',');) {
    name.erase(0, name.find_first_not_of(' '));
    name.erase(name.find_last_not_of(' ') + 1);
    result.targets.push_back(name);
  }
  return result;
}

TrainOptions with_lora(TrainOptions options) {
  if (options.adapt != "lora") return options;
  const models::LoraOptions lora = lora_options(options);
  options.lora_rank = lora.rank;
  options.lora_alpha = lora.alpha;
  options.lora_targets = fmt::format("{}", fmt::join(lora.targets, ","));
  return options;
}

}  // namespace sotto::tools

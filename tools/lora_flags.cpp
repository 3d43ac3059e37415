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
  for (std::string name; std::getline(names, name, ',');) result.targets.push_back(name);
  return result;
}

}  // namespace sotto::tools

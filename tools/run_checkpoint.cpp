#include <ATen/core/grad_mode.h>
#include <fmt/format.h>
#include <sotto/models/state.h>
#include <sotto/privacy/error.h>
#include <sotto/tools/numbers.h>
#include <sotto/tools/run_checkpoint.h>
#include <sotto/tools/run_optimizer.h>

namespace sotto::tools {
namespace {

std::vector<models::NamedTensor> state_tensors(models::TrainableModel& model, torch::optim::Optimizer& optimizer) {
  std::vector<models::NamedTensor> result = optimizer_tensors(optimizer, model);
  for (const models::NamedTensor& named : model.trainable()) result.push_back({"model." + named.name, named.tensor});
  if (const models::Centred* const centred = model.centred()) result.push_back({"centre", centred->centre()});
  return result;
}

const std::string& field(const models::Metadata& metadata, const char* name, const std::filesystem::path& path) {
  const auto found = metadata.find(name);
  if (found == metadata.end())
    throw DataError(fmt::format("[checkpoint] {} is not a checkpoint: it has no '{}'", path.string(), name));
  return found->second;
}

}  // namespace

void save_run_checkpoint(const std::filesystem::path& path, models::TrainableModel& model,
                         torch::optim::Optimizer& optimizer, const RunCheckpoint& state,
                         const privacy::BeforeRename& before_rename) {
  models::Metadata metadata = {{"applied_steps", fmt::format("{}", state.applied_steps)},
                               {"updates", fmt::format("{}", state.updates)},
                               {"ledger_head", state.ledger_head},
                               {"lr", fmt::format("{}", state.lr)},
                               {"declared", state.declared}};
  if (state.clip_norm) metadata["clip_norm"] = fmt::format("{}", *state.clip_norm);
  models::save_state(path, state_tensors(model, optimizer), metadata, before_rename);
}

RunCheckpoint load_run_checkpoint(const std::filesystem::path& path, models::TrainableModel& model,
                                  torch::optim::Optimizer& optimizer) {
  std::error_code ignored;
  if (!std::filesystem::exists(path, ignored))
    throw UsageError(fmt::format("[resume] there is no checkpoint {}: this run cannot be continued", path.string()));
  const at::NoGradGuard no_grad;
  const models::Metadata metadata = models::load_state(path, state_tensors(model, optimizer));
  RunCheckpoint state;
  state.ledger_head = field(metadata, "ledger_head", path);
  state.declared = field(metadata, "declared", path);
  try {
    state.applied_steps = parse_integer("applied_steps", field(metadata, "applied_steps", path));
    state.updates = parse_integer("updates", field(metadata, "updates", path));
    state.lr = parse_real("lr", field(metadata, "lr", path));
    if (metadata.contains("clip_norm")) state.clip_norm = parse_real("clip_norm", metadata.at("clip_norm"));
  } catch (const UsageError& error) {
    throw DataError(fmt::format("[checkpoint] {}: {}", path.string(), error.what()));
  }
  const auto refuse = [&](const std::string& what) {
    throw DataError(fmt::format("[checkpoint] {}: {}", path.string(), what));
  };
  if (state.applied_steps < 0 || state.updates < 0 || state.updates > state.applied_steps)
    refuse(fmt::format("{} applied steps and {} updates; must be 0 or more, and no more updates than steps",
                       state.applied_steps, state.updates));
  if (!(state.lr > 0)) refuse(fmt::format("lr {}; must be above 0", state.lr));
  set_updates(optimizer, model, state.updates);
  return state;
}

}  // namespace sotto::tools

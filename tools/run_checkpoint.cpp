#include <ATen/core/grad_mode.h>
#include <fmt/format.h>
#include <sotto/models/state.h>
#include <sotto/privacy/error.h>
#include <sotto/privacy/ledger_contents.h>
#include <sotto/tools/numbers.h>
#include <sotto/tools/run_checkpoint.h>
#include <sotto/tools/run_optimizer.h>

#include <fstream>

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
                         torch::optim::Optimizer& optimizer, const RunCheckpoint& state) {
  models::save_state(path, state_tensors(model, optimizer),
                     {{"applied_steps", fmt::format("{}", state.applied_steps)},
                      {"updates", fmt::format("{}", state.updates)},
                      {"ledger_head", state.ledger_head},
                      {"finished", state.finished ? "yes" : "no"},
                      {"lr", fmt::format("{}", state.lr)},
                      {"declared", state.declared}});
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
  const std::string& finished = field(metadata, "finished", path);
  state.finished = finished == "yes";
  state.declared = field(metadata, "declared", path);
  try {
    state.applied_steps = parse_integer("applied_steps", field(metadata, "applied_steps", path));
    state.updates = parse_integer("updates", field(metadata, "updates", path));
    state.lr = parse_real("lr", field(metadata, "lr", path));
  } catch (const UsageError& error) {
    throw DataError(fmt::format("[checkpoint] {}: {}", path.string(), error.what()));
  }
  const auto refuse = [&](const std::string& what) {
    throw DataError(fmt::format("[checkpoint] {}: {}", path.string(), what));
  };
  if (finished != "yes" && finished != "no") refuse("'finished' is neither yes nor no");
  if (state.applied_steps < 0 || state.updates < 0 || state.updates > state.applied_steps)
    refuse(fmt::format("{} applied steps and {} updates; must be 0 or more, and no more updates than steps",
                       state.applied_steps, state.updates));
  if (!(state.lr > 0)) refuse(fmt::format("lr {}; must be above 0", state.lr));
  set_updates(optimizer, model, state.updates);
  return state;
}

void check_anchor(const std::filesystem::path& ledger, const RunCheckpoint& state) {
  const privacy::LedgerContents contents = privacy::read_ledger(ledger);
  const auto check_steps = [&] {
    if (state.applied_steps > contents.last_step + 1)
      throw DataError(fmt::format("[resume] the checkpoint has {} applied steps, more than the {} charged in {}",
                                  state.applied_steps, contents.last_step + 1, ledger.string()));
  };
  if (contents.head_hash == state.ledger_head) return check_steps();
  // The chain is intact, so a line that names the anchor as its predecessor follows the anchored line.
  std::ifstream lines(ledger);
  const std::string anchor = fmt::format("\"{}\"", state.ledger_head);
  for (std::string line; std::getline(lines, line);)
    if (!state.ledger_head.empty() && line.find(anchor) != std::string::npos) return check_steps();
  throw LedgerError(
      fmt::format("[resume] the ledger {} does not contain the line that the checkpoint was written after: "
                  "it was cut or belongs to another run",
                  ledger.string()));
}

}  // namespace sotto::tools

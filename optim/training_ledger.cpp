#include <fmt/format.h>
#include <sotto/optim/training_ledger.h>
#include <sotto/privacy/error.h>
#include <sotto/privacy/ledger_contents.h>

#include <map>
#include <string>

namespace sotto::optim {
namespace {

constexpr const char* kAccountantName = "certified";
constexpr const char* kAccountantVersion = "1";

}  // namespace

privacy::Ledger open_ledger(const PrivateTrainingOptions& options, double sensitivity, const privacy::SecretKey& noise,
                            const privacy::SecretKey& sampler) {
  const bool secret = noise.is_secret() && sampler.is_secret();
  const privacy::LedgerKeys keys{noise.commitment(), sampler.commitment(), secret};
  const auto named = options.rule.parameters();
  const std::map<std::string, double> parameters(named.begin(), named.end());
  if (!options.resume) {
    privacy::LedgerHeader header;
    header.adjacency = options.plan.adjacency();
    header.unit_is_group = options.unit_is_group;
    header.dataset_size = options.plan.dataset_size();
    header.delta = options.plan.delta();
    header.event = options.plan.step_event();
    header.weight_rule = options.rule.name();
    header.weight_rule_parameters = parameters;
    header.sensitivity = sensitivity;
    header.steps = options.plan.steps();
    header.evaluations = options.plan.evaluations();
    header.accountant_name = kAccountantName;
    header.accountant_version = kAccountantVersion;
    header.keys_are_secret = secret;
    return privacy::Ledger::create(options.ledger, header, keys);
  }
  // Compared before it is opened, so that a run that is refused leaves no trace in it.
  const privacy::LedgerHeader header = privacy::read_ledger(options.ledger).header;
  const bool same = header.adjacency == options.plan.adjacency() && header.unit_is_group == options.unit_is_group &&
                    header.dataset_size == options.plan.dataset_size() && header.delta == options.plan.delta() &&
                    header.steps == options.plan.steps() && header.sensitivity == sensitivity &&
                    header.evaluations == options.plan.evaluations() && header.weight_rule == options.rule.name() &&
                    header.weight_rule_parameters == parameters && header.accountant_name == kAccountantName &&
                    header.accountant_version == kAccountantVersion &&
                    privacy::same_parameters(header.event, options.plan.step_event());
  if (!same) {
    throw LedgerError(
        fmt::format("[PrivateTraining] the ledger {} was started with another plan, weight rule or accountant: a run "
                    "is resumed with those that it began with",
                    options.ledger.string()));
  }
  return privacy::Ledger::open(options.ledger, keys);
}

}  // namespace sotto::optim

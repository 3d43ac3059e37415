// How a run makes its training, private or plain, from its plan and options.

#include <fmt/format.h>
#include <sotto/privacy/error.h>
#include <sotto/tools/machine_costs.h>
#include <sotto/tools/run_model.h>
#include <sotto/tools/run_rule.h>
#include <sotto/tools/slow_notice.h>
#include <sotto/tools/training_run.h>

#include <algorithm>
#include <memory>
#include <optional>
#include <ostream>

namespace sotto::tools {

std::vector<size_t> TrainingRun::groups_of(const std::vector<optim::NamedParameter>& parameters) const {
  return job_.options.per_group ? optim::module_groups(parameters) : std::vector<size_t>{};
}

optim::PrivateTrainingOptions TrainingRun::private_options(bool resume, const std::vector<size_t>& groups) const {
  const TrainOptions& o = job_.options;
  optim::PrivateTrainingOptions options{
      .plan = *plan_.privacy,
      .rule = weight_rule(o, plan_, groups.empty() ? 1 : *std::ranges::max_element(groups) + 1),
      .ledger = folder_.ledger(),
      .unit_is_group = plan_.data.text && plan_.data.text->texts_per_group > 0,
      .resume = resume,
      .physical_batch = plan_.physical_batch,
      .constants = constants(model())};
  if (resume) options.clip_norm = clip_norm_;
  options.inputs = record_specs(shape_);
  options.tape.memory_bytes = plan_.memory_bytes;
  if (costs_) options.tape.costs = to_kernel_costs(*costs_);
  options.tape.device = device_;
  if (o.fallback == "per-record") options.tape.fallback = optim::Fallback::per_record;
  // A test seed must not repeat its draws after a resume.
  if (o.insecure_test_seed)
    options.insecure_test_seed = static_cast<uint64_t>(*o.insecure_test_seed) + static_cast<uint64_t>(applied_steps_);
  return options;
}

// Before anything is drawn: what is good to know of the model, or why it is refused after all.
void TrainingRun::examine() {
  try {
    private_->examine(losses_of(model()));
    if (plan_.privacy->evaluations()) examine_private_metrics(*private_, model());
  } catch (const optim::TooLittleMemory& error) {
    throw UsageError(
        fmt::format("[--memory] too little: {} bytes; a physical batch of two records of this model holds at least {}",
                    error.allowed(), error.needed()));
  } catch (const UsageError& error) {
    throw DataError(fmt::format("[--model] refused: {}", error.what()));
  }
}

void TrainingRun::start(bool resume) {
  const TrainOptions& o = job_.options;
  std::optional<SlowNotice> notice;
  notice.emplace(*job_.err, fmt::format("examining {} on made-up records ...", o.model));
  output_sizes(model(), shape_, 2);
  if (!plan_.privacy) {
    plain_ = std::make_unique<PlainTraining>(model(), *optimizer_, records_, o.batch, plan_.physical_batch, device_);
    return;
  }
  const std::vector<optim::NamedParameter> parameters = trainable_parameters(model());
  const std::vector<size_t> groups = groups_of(parameters);
  private_ = std::make_unique<optim::PrivateTraining>(parameters, *optimizer_, records_,
                                                      private_options(resume, groups), groups);
  examine();
  notice.reset();
  for (const std::string& note : private_->notes()) text() << "note              " << note << '\n';
}

}  // namespace sotto::tools

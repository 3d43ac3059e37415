#include <ATen/Parallel.h>
#include <fmt/format.h>
#include <sotto/privacy/atomic_file.h>
#include <sotto/privacy/error.h>
#include <sotto/privacy/ledger_contents.h>
#include <sotto/privacy/sha256.h>
#include <sotto/tools/checkpoint_anchor.h>
#include <sotto/tools/config_file.h>
#include <sotto/tools/declaration.h>
#include <sotto/tools/lora_flags.h>
#include <sotto/tools/machine_costs.h>
#include <sotto/tools/metrics_file.h>
#include <sotto/tools/record_tensors.h>
#include <sotto/tools/run_artefacts.h>
#include <sotto/tools/run_device.h>
#include <sotto/tools/run_optimizer.h>
#include <sotto/tools/run_report.h>
#include <sotto/tools/slow_notice.h>
#include <sotto/tools/training_plan_text.h>
#include <sotto/tools/training_run.h>

#include <ostream>
#include <utility>

namespace sotto::tools {
namespace {

constexpr const char* kBeforeTrain = "sotto: stopped before the run began: nothing was charged; start it again\n";
constexpr const char* kBeforeResume = "sotto: stopped before the run went on: nothing more was charged\n";
constexpr const char* kBeforeTuned = "sotto: stopped before a run of the tuning went on; the tuning can be resumed\n";

}  // namespace

TrainingRun::TrainingRun(const TrainingJob& job)
    : job_(job),
      last_words_(!job.tuning.empty()                     ? kBeforeTuned
                  : job.kind == TrainingJob::Kind::resume ? kBeforeResume
                                                          : kBeforeTrain),
      device_(run_device(job.device, *job.err)),
      folder_(job.run),
      plan_(make_training_plan(job.options)) {
  take_part_in_tuning();
  if (job.options.threads > 0) at::set_num_threads(static_cast<int>(job.options.threads));
  if (plan_.privacy && job.options.fallback == "none")
    costs_ = chosen_costs(plan_.kernel_costs, job.options.matmul, text());
  inputs_ = read_run_inputs(job, plan_, folder_);
  shape_ = prepared_shape(model(), inputs_.shape);
  optimizer_ = make_optimizer(job.options, plan_, model());
  schedule_.emplace(optim::LrSchedule::shape_of(job.options.lr_schedule), plan_.steps, job.options.warmup);
  if (model().prepares()) {
    const SlowNotice notice(*job.err, fmt::format("preparing the records with {} ...", job.options.model));
    prepare(model(), inputs_.training);
    if (inputs_.test) prepare(model(), *inputs_.test);
  }
  model().move_to(device_.where());
  records_ = labelled_records(std::move(inputs_.training));
}

void TrainingRun::take_part_in_tuning() {
  const std::optional<TuningRecord> record = !job_.tuning.empty()                    ? parse_tuning_record(job_.tuning)
                                             : job_.kind == TrainingJob::Kind::train ? std::nullopt
                                                                                     : tuning_record_of(folder_);
  if (!record) return;
  take_tuning(plan_, *record);
  time_.emplace(record->time);
}

std::ostream& TrainingRun::text() const {
  return job_.json ? *job_.err : *job_.out;
}

int64_t TrainingRun::steps_done() const {
  return private_ ? private_->steps_charged() : applied_steps_;
}

void TrainingRun::catch_signals() {
  last_words_.reset();
  stop_.emplace();
}

ExitCode TrainingRun::train() {
  catch_signals();
  const bool made = folder_.claim();
  try {
    const std::string heading = plan_.not_private.empty() ? "" : "NOT PRIVATE: " + plan_.not_private;
    TrainOptions options = with_lora(resolved(job_.options, plan_));
    options.device = device_.where().str();
    options.model_sha256 = inputs_.model_sha256();
    if (costs_) options.kernel_costs = to_text(*costs_);
    privacy::write_file_atomically(folder_.config(), format_config(options, heading));
    keep(inputs_, folder_);
    if (!plan_.data.schema.text.empty()) privacy::write_file_atomically(folder_.schema(), plan_.data.schema.text);
    if (!heading.empty()) privacy::write_file_atomically(folder_.not_private(), heading + "\n");
    if (!job_.tuning.empty()) privacy::write_file_atomically(folder_.tuning(), job_.tuning);
    declared_ = declaration_sha256(options, folder_);
    start(false);
    if (private_ && private_->physical_batch() != options.physical_batch) {
      options.physical_batch = private_->physical_batch();
      privacy::write_file_atomically(folder_.config(), format_config(options, heading));
    }
    if (job_.audit.preflight) preflight();
    save();
    text() << describe(job_.options, plan_) << std::flush;
    centre();
    return loop();
  } catch (...) {
    if (steps_done() == 0)
      folder_.discard(made);
    else
      tell_folder();
    throw;
  }
}

// What was told was charged before: a ledger that has less was cut, and what it lost would be lost for good.
void TrainingRun::require_charged(const std::filesystem::path& metrics, const privacy::LedgerContents& ledger) {
  std::error_code ignored;
  if (!std::filesystem::exists(metrics, ignored)) return;
  const ToldByMetrics told = told_by_metrics(metrics);
  if (told.step > ledger.steps_charged() || told.evaluation > ledger.evaluations_charged)
    throw LedgerError(
        fmt::format("[resume] {} tells of step {} and evaluation {} of the private records, and the ledger of {} and "
                    "{}: it was cut or wound back",
                    metrics.string(), told.step, told.evaluation, ledger.steps_charged(), ledger.evaluations_charged));
}

void TrainingRun::refuse_without_checkpoint() const {
  std::error_code ignored;
  const bool charged = std::filesystem::exists(folder_.ledger(), ignored) &&
                       std::filesystem::file_size(folder_.ledger(), ignored) > 0 &&
                       privacy::read_ledger(folder_.ledger()).steps_charged() > 0;
  throw UsageError(fmt::format(
      "[resume] there is no checkpoint {}: this run cannot be continued{}", folder_.checkpoint().string(),
      charged ? "" : "; nothing was charged to it, so that the folder can be removed and the run begun again"));
}

ExitCode TrainingRun::resume() {
  catch_signals();
  std::error_code ignored;
  if (!std::filesystem::exists(folder_.checkpoint(), ignored)) refuse_without_checkpoint();
  privacy::LedgerContents ledger;
  if (plan_.privacy) {
    const std::string hash = privacy::sha256_of_file(folder_.checkpoint());
    ledger = privacy::read_ledger(folder_.ledger());
    anchored_checkpoint(folder_.checkpoint(), hash, ledger);
    require_charged(folder_.metrics(), ledger);
  }
  const RunCheckpoint state = load_run_checkpoint(folder_.checkpoint(), model(), *optimizer_);
  declared_ = declaration_sha256(job_.options, folder_);
  if (declared_ != state.declared)
    throw DataError(fmt::format(
        "[resume] config.toml, or a file of {} that tells of the records or the model, is another than when "
        "the run began: what was done in its steps could not be stated; put it back, or begin a new run",
        folder_.path().string()));
  if (state.applied_steps > plan_.steps)
    throw DataError(fmt::format("[checkpoint] {}: {} applied steps; the run plans {}", folder_.checkpoint().string(),
                                state.applied_steps, plan_.steps));
  if (is_finished(folder_, plan_, state))
    throw UsageError(
        ledger.steps_charged() < plan_.steps && plan_.privacy
            ? fmt::format("[resume] {} is finished: it ended by its private metrics after {} of {} planned "
                          "steps, and another step would not be by the rule that it stated",
                          folder_.path().string(), ledger.steps_charged(), plan_.steps)
            : fmt::format("[resume] {} is finished: all {} planned steps were taken", folder_.path().string(),
                          plan_.steps));
  applied_steps_ = state.applied_steps;
  updates_ = state.updates;
  clip_norm_ = state.clip_norm;
  read_released_metrics();
  start(true);
  if (private_ && (private_->ledger().contents().checkpoints.size() != ledger.checkpoints.size() ||
                   private_->steps_charged() != ledger.steps_charged()))
    throw LedgerError(fmt::format("[resume] {} went on in another process meanwhile; nothing was charged by this one",
                                  folder_.path().string()));
  remove_unfinished(folder_);
  text() << describe(job_.options, plan_)
         << fmt::format("run               {}, {} of {} steps {}\n", folder_.path().string(), steps_done(), plan_.steps,
                        private_ ? "charged" : "taken");
  told_ = true;
  if (const std::string device = device_.where().str(); job_.began_on != device)
    text() << fmt::format(
        "note              the device is {}; the run began on {}: sampling, noise, weights' bounds and charges are the "
        "same, sums are rounded otherwise\n",
        device, job_.began_on);
  if (state.lr != plan_.lr)
    text() << fmt::format("note              lr is {}; up to the checkpoint it was {}\n", plan_.lr, state.lr);
  if (const int64_t lost = steps_done() - applied_steps_; lost > 0)
    text() << fmt::format(
        "warning           {} charged step{} came after the checkpoint: the model lacks {}, and the "
        "charge stays\n",
        lost, lost == 1 ? "" : "s", lost == 1 ? "it" : "them");
  text().flush();
  if (applied_steps_ == 0 && steps_done() < plan_.steps) centre();
  return loop();
}

// From now on the folder stays, whatever happens.
void TrainingRun::tell_folder() {
  if (std::exchange(told_, true)) return;
  text() << "run               " << folder_.path().string() << std::endl;
}

void TrainingRun::save() {
  const privacy::BeforeRename record = [&](const std::string& sha256) {
    if (private_) private_->record_checkpoint({applied_steps_, sha256});
  };
  save_run_checkpoint(folder_.checkpoint(), model(), *optimizer_,
                      {.applied_steps = applied_steps_,
                       .updates = updates_,
                       .ledger_head = private_ ? private_->ledger().head_hash() : "",
                       .lr = plan_.lr,
                       .declared = declared_,
                       .clip_norm = adaptive_clip_norm()},
                      record);
}

std::optional<double> TrainingRun::adaptive_clip_norm() const {
  if (!private_ || !private_->rule().adaptive_clipping()) return std::nullopt;
  return private_->clip_norm();
}

void TrainingRun::write_artefacts() const {
  tools::write_artefacts({.folder = folder_,
                          .options = job_.options,
                          .plan = plan_,
                          .inputs = inputs_,
                          .training = private_.get(),
                          .applied_steps = applied_steps_,
                          .stopped_early = stops_early()});
}

void TrainingRun::report(const std::optional<TestResult>& result, bool finished) const {
  const RunReport report{.job = job_,
                         .plan = plan_,
                         .folder = folder_.path(),
                         .model_file = !inputs_.graph.empty(),
                         .training = private_.get(),
                         .device = device_.where().str(),
                         .result = result,
                         .private_metrics = last_metrics_,
                         .stopped_early = stops_early(),
                         .steps = steps_done(),
                         .applied_steps = applied_steps_,
                         .time = std::chrono::steady_clock::now() - start_};
  if (job_.json) *job_.out << to_json(report, finished) << '\n';
  if (finished) text() << to_text(report) << std::flush;
}

}  // namespace sotto::tools

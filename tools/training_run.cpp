#include <ATen/Parallel.h>
#include <ATen/ops/linalg_vector_norm.h>
#include <ATen/ops/stack.h>
#include <fmt/format.h>
#include <sotto/privacy/atomic_file.h>
#include <sotto/privacy/sha256.h>
#include <sotto/tools/audit_report.h>
#include <sotto/tools/checkpoint_anchor.h>
#include <sotto/tools/config_file.h>
#include <sotto/tools/declaration.h>
#include <sotto/tools/early_stop.h>
#include <sotto/tools/lora_flags.h>
#include <sotto/tools/machine_costs.h>
#include <sotto/tools/metrics_file.h>
#include <sotto/tools/privacy_options.h>
#include <sotto/tools/progress.h>
#include <sotto/tools/run_artefacts.h>
#include <sotto/tools/run_device.h>
#include <sotto/tools/run_optimizer.h>
#include <sotto/tools/run_report.h>
#include <sotto/tools/run_rule.h>
#include <sotto/tools/slow_notice.h>
#include <sotto/tools/stop_signal.h>
#include <sotto/tools/training_data.h>
#include <sotto/tools/training_plan_text.h>
#include <sotto/tools/training_run.h>
#include <unistd.h>

#include <cmath>
#include <cstdio>
#include <limits>
#include <nlohmann/json.hpp>
#include <ostream>
#include <utility>

namespace sotto::tools {
namespace {

constexpr std::chrono::seconds kCheckpointInterval{60};
constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr const char* kBeforeTrain = "sotto: stopped before the run began: nothing was charged; start it again\n";
constexpr const char* kBeforeResume = "sotto: stopped before the run went on: nothing more was charged\n";
constexpr const char* kBeforeTuned = "sotto: stopped before a run of the tuning went on; the tuning can be resumed\n";
constexpr int64_t kEvaluations = 10;  // over the whole run, the last one included

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

void TrainingRun::centre() {
  models::Centred* const centred = model().centred();
  if (centred == nullptr) return;
  {
    const SlowNotice notice(*job_.err, "finding out what all records have in common ...");
    const auto vectors = [&](const std::vector<at::Tensor>& inputs) { return centred->vectors(inputs[0]); };
    const int64_t width = centred->width();
    const at::Tensor mean = private_ ? private_->mean(vectors, width, centred->norm()) : plain_->mean(vectors, width);
    const at::NoGradGuard no_grad;
    centred->centre().copy_(mean);
  }
  if (private_) {
    ++applied_steps_;
    tell_folder();
  }
  save();
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

optim::AuditedTraining TrainingRun::audited() const {
  const std::vector<optim::NamedParameter> parameters = trainable_parameters(model());
  const std::vector<size_t> groups = groups_of(parameters);
  return {.parameters = parameters,
          .groups = groups,
          .options = private_options(false, groups),
          .losses = losses_of(model())};
}

void TrainingRun::preflight() const {
  if (!plan_.privacy)
    throw UsageError("[--preflight] has no effect: with the rule none there is nothing to be audited");
  const AuditReport report = audit_training(audited(), {}, *job_.err);
  text() << fmt::format("preflight         {} checks in {:.1f} s\n", report.findings.size(), report.seconds);
  if (report.holds()) return;
  throw DataError(
      fmt::format("[--preflight] {}; nothing was charged and no record was read. All that was looked at:\n{}",
                  first_problem(report), to_text(report)));
}

ExitCode TrainingRun::audit() {
  if (!plan_.privacy) throw UsageError("[audit] the run is NOT PRIVATE: there is nothing to be audited");
  output_sizes(model(), shape_, 2);
  const AuditReport report = audit_training(audited(), job_.audit, *job_.err);
  privacy::write_file_atomically(folder_.audit(), to_json(report) + "\n");
  *job_.out << (job_.json ? to_json(report) + "\n" : to_text(report));
  return report.holds() ? ExitCode::done : ExitCode::bad_data;
}

void TrainingRun::step() {
  set_lr(*optimizer_, job_.options, plan_, schedule_->factor(steps_done()));
  run_model(job_.options.model, private_ ? Told::without_its_words : Told::whole, [&] {
    if (private_) {
      private_->step(losses_of(model()));
    } else {
      plain_->step();
    }
  });
  ++applied_steps_;
  ++updates_;
  require_finite();
}

void TrainingRun::require_finite() const {
  const at::NoGradGuard no_grad;
  const std::vector<models::NamedTensor> tensors = model().trainable();
  std::vector<at::Tensor> largest;
  for (const models::NamedTensor& named : tensors)
    largest.push_back(at::linalg_vector_norm(named.tensor, kInfinity).to(at::kDouble));
  const at::Tensor all = at::stack(largest).cpu();  // a device is asked once
  for (size_t t = 0; t < tensors.size(); ++t) {
    if (std::isfinite(all.const_data_ptr<double>()[t])) continue;
    throw Diverged(
        fmt::format("[train] the run diverged with lr {}: {} holds numbers that are not finite after step {} of {}{}; "
                    "go on from the last checkpoint with a smaller lr in {}: sotto resume {}",
                    plan_.lr, tensors[t].name, steps_done(), plan_.steps, private_ ? ", which stays charged" : "",
                    folder_.config().string(), folder_.path().string()));
  }
}

// From now on the folder stays, whatever happens.
void TrainingRun::tell_folder() {
  if (std::exchange(told_, true)) return;
  text() << "run               " << folder_.path().string() << std::endl;
}

ExitCode TrainingRun::loop() {
  std::optional<TestResult> result;
  {
    Progress progress(*job_.err, ::isatty(STDERR_FILENO) != 0, steps_done(), plan_.steps);
    const auto spent = [&]() -> std::string {
      if (!private_) return ", NOT PRIVATE";
      if (!plan_.not_private.empty()) return ", NOT PRIVATE";
      if (plan_.tuning) return "";  // charged as a whole, and what a run is worth is not told
      return fmt::format(", epsilon {} spent",
                         shown_epsilon(job_.options, spent_epsilon(plan_, private_->ledger().spent())));
    };
    auto saved = std::chrono::steady_clock::now();
    while (steps_done() < plan_.steps && !stops_early()) {
      if (const auto code = stop_->requested()) {
        save();
        write_artefacts();
        if (job_.tuning.empty())
          progress.line(fmt::format("stopped after {} of {} steps; continue with: sotto resume {}", steps_done(),
                                    plan_.steps, folder_.path().string()));
        report(std::nullopt, false);
        return *code;
      }
      step();
      tell_folder();
      progress.step(steps_done(), spent);
      if (const auto now = std::chrono::steady_clock::now(); now - saved > kCheckpointInterval) {
        save();
        saved = now;
      }
      const int64_t done = steps_done();
      const bool now_due = done * kEvaluations / plan_.steps != (done - 1) * kEvaluations / plan_.steps;
      if (done < plan_.steps && (now_due || private_metrics_due())) {
        const bool is_private = private_metrics_due();
        const auto seen = evaluate();
        std::string told = seen ? to_text(*seen) : "";
        if (is_private) told += (told.empty() ? "" : ", ") + to_text(*last_metrics_);
        if (!told.empty() && !plan_.tuning)
          progress.line(fmt::format("step {} of {}: {}{}", done, plan_.steps, told, spent()));
      }
    }
    save();  // what comes now may find the disk full, and is done again by a run that resumes
    if (stops_early())
      progress.line(
          fmt::format("ended after {} of {} steps: {} private evaluations in a row were not better than the "
                      "best before by more than their noise",
                      steps_done(), plan_.steps, *job_.options.stop_early));
    result = stops_early() ? tested() : evaluate();  // the line of that step is there already
  }
  write_artefacts();
  report(result, true);
  return ExitCode::done;
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

bool TrainingRun::private_metrics_due() const {
  if (!private_ || !plan_.privacy->evaluations()) return false;
  return privacy::evaluations_due(plan_.privacy->evaluations()->count, steps_done(), plan_.steps) >
         private_->ledger().contents().evaluations_charged;
}

void TrainingRun::read_released_metrics() {
  std::error_code ignored;
  if (job_.options.stop_early && std::filesystem::exists(folder_.metrics(), ignored))
    released_ = released_accuracies(folder_.metrics());
}

bool TrainingRun::stops_early() const {
  if (!job_.options.stop_early || steps_done() >= plan_.steps) return false;
  const double deviation =
      privacy::metric_deviation(plan_.privacy->evaluations()->noise_multiplier, plan_.privacy->dataset_size());
  return nothing_better(released_, deviation, *job_.options.stop_early);
}

std::optional<TestResult> TrainingRun::tested() {
  std::optional<TestResult> result;
  if (inputs_.test)
    run_model(job_.options.model, Told::whole, [&] { result = measure(model(), *inputs_.test, plan_.data); });
  return result;
}

std::optional<TestResult> TrainingRun::evaluate() {
  const std::optional<TestResult> result = tested();
  const bool is_private = private_metrics_due();
  if (is_private)
    run_model(job_.options.model, Told::without_its_words,
              [&] { last_metrics_ = private_metrics(*private_, model(), largest_loss(plan_.data)); });
  nlohmann::ordered_json line = {{"step", steps_done()}, {"epsilon_spent", nullptr}, {"accuracy", nullptr}};
  if (private_ && plan_.not_private.empty()) line["epsilon_spent"] = spent_epsilon(plan_, private_->ledger().spent());
  if (const auto clip_norm = adaptive_clip_norm()) line["clip_norm"] = *clip_norm;
  if (result) add_to(line, *result);
  if (is_private) add_to(line, *last_metrics_);
  if (!plan_.not_private.empty()) line["not_private"] = plan_.not_private;
  append_metrics(folder_.metrics(), line.dump());
  if (is_private) released_.push_back(last_metrics_->accuracy);
  return result;
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

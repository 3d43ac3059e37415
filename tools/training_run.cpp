#include <ATen/Parallel.h>
#include <ATen/ops/linalg_vector_norm.h>
#include <ATen/ops/stack.h>
#include <fmt/format.h>
#include <sotto/models/state.h>
#include <sotto/privacy/atomic_file.h>
#include <sotto/tools/audit_report.h>
#include <sotto/tools/checkpoint_anchor.h>
#include <sotto/tools/config_file.h>
#include <sotto/tools/declaration.h>
#include <sotto/tools/file_text.h>
#include <sotto/tools/lora_flags.h>
#include <sotto/tools/machine_costs.h>
#include <sotto/tools/progress.h>
#include <sotto/tools/run_certificate.h>
#include <sotto/tools/run_device.h>
#include <sotto/tools/run_files.h>
#include <sotto/tools/run_optimizer.h>
#include <sotto/tools/run_report.h>
#include <sotto/tools/slow_notice.h>
#include <sotto/tools/stop_signal.h>
#include <sotto/tools/training_data.h>
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
constexpr int64_t kEvaluations = 10;  // over the whole run, the last one included

optim::WeightRule weight_rule(const TrainOptions& o, size_t groups) {
  if (o.rule == "psac") return optim::WeightRule::psac(o.clip_norm, o.psac_r.value_or(kDefaultPsacR));
  if (o.rule == "auto-s") return optim::WeightRule::auto_s(o.clip_norm, o.auto_s_gamma.value_or(kDefaultAutoSGamma));
  if (o.rule == "nsgd") return optim::WeightRule::nsgd(o.clip_norm, o.nsgd_r.value_or(kDefaultNsgdR));
  if (!o.per_group) return optim::WeightRule::flat(o.clip_norm);
  return optim::WeightRule::flat_per_group(
      std::vector<double>(groups, o.clip_norm / std::sqrt(static_cast<double>(groups))));
}

// What another program needs beside the weights.
models::Metadata text_metadata(const DeclaredText& text, const TrainOptions& o) {
  const data::LabelRule& labels = text.labels();
  models::Metadata result = {{"labels", labels.text()}, {"max_tokens", fmt::format("{}", text.max_tokens)}};
  if (labels.is_range())
    result["outputs"] = "-1 to 1 stand for the range of the labels";
  else
    result["classes"] = nlohmann::json(labels.class_names()).dump();
  if (!text.from_scratch) result["pooling"] = o.pooling;
  return result;
}

void append_line(const std::filesystem::path& path, const std::string& line) {
  std::FILE* file = std::fopen(path.c_str(), "a");
  bool written = file != nullptr && std::fputs((line + "\n").c_str(), file) >= 0;
  if (file != nullptr) written = std::fclose(file) == 0 && written;
  if (!written) throw IoError(fmt::format("[train] cannot write to {}; is the disk full?", path.string()));
}

}  // namespace

TrainingRun::TrainingRun(const TrainingJob& job)
    : job_(job),
      last_words_(job.kind == TrainingJob::Kind::resume ? kBeforeResume : kBeforeTrain),
      device_(run_device(job.device, *job.err)),
      folder_(job.run),
      plan_(make_training_plan(job.options)) {
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
      .rule = weight_rule(o, groups.empty() ? 1 : *std::ranges::max_element(groups) + 1),
      .ledger = folder_.ledger(),
      .unit_is_group = plan_.data.text && plan_.data.text->texts_per_group > 0,
      .resume = resume,
      .physical_batch = plan_.physical_batch,
      .constants = constants(model())};
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

ExitCode TrainingRun::resume() {
  catch_signals();
  if (plan_.privacy) anchored_checkpoint(folder_.checkpoint(), privacy::read_ledger(folder_.ledger()));
  const RunCheckpoint state = load_run_checkpoint(folder_.checkpoint(), model(), *optimizer_);
  if (state.applied_steps > plan_.steps)
    throw DataError(fmt::format("[checkpoint] {}: {} applied steps; the run plans {}", folder_.checkpoint().string(),
                                state.applied_steps, plan_.steps));
  if (is_finished(state))
    throw UsageError(
        fmt::format("[resume] {} is finished: all {} planned steps were taken", folder_.path().string(), plan_.steps));
  declared_ = declaration_sha256(job_.options, folder_);
  if (declared_ != state.declared)
    throw DataError(fmt::format(
        "[resume] config.toml, or a file of {} that tells of the records or the model, is another than when "
        "the run began: what was done in its steps could not be stated; put it back, or begin a new run",
        folder_.path().string()));
  applied_steps_ = state.applied_steps;
  updates_ = state.updates;
  start(true);
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
    throw UsageError(
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
      return fmt::format(", epsilon {} spent", shown_epsilon(job_.options, private_->epsilon()));
    };
    auto saved = std::chrono::steady_clock::now();
    while (steps_done() < plan_.steps) {
      if (const auto code = stop_->requested()) {
        save();
        write_artefacts();
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
      if (done < plan_.steps && done * kEvaluations / plan_.steps != (done - 1) * kEvaluations / plan_.steps) {
        if (const auto seen = evaluate())
          progress.line(fmt::format("step {} of {}: {}{}", done, plan_.steps, to_text(*seen), spent()));
      }
    }
    save();  // what comes now may find the disk full, and is done again by a run that resumes
    result = evaluate();
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
                       .declared = declared_},
                      record);
}

// All planned steps, and what is written last tells of them.
bool TrainingRun::is_finished(const RunCheckpoint& state) const {
  std::error_code ignored;
  if (!plan_.privacy) return state.applied_steps >= plan_.steps && std::filesystem::exists(folder_.model(), ignored);
  const privacy::LedgerContents ledger = privacy::read_ledger(folder_.ledger());
  if (ledger.steps_charged() < plan_.steps || !std::filesystem::exists(folder_.certificate(), ignored)) return false;
  return privacy::parse_certificate(file_text(folder_.certificate())).ledger_head_hash == ledger.head_hash;
}

std::optional<TestResult> TrainingRun::evaluate() {
  std::optional<TestResult> result;
  if (inputs_.test)
    run_model(job_.options.model, Told::whole, [&] { result = measure(model(), *inputs_.test, plan_.data); });
  nlohmann::ordered_json line = {{"step", steps_done()}, {"epsilon_spent", nullptr}, {"accuracy", nullptr}};
  if (private_ && plan_.not_private.empty()) line["epsilon_spent"] = private_->epsilon();
  if (result) add_to(line, *result);
  if (!plan_.not_private.empty()) line["not_private"] = plan_.not_private;
  append_line(folder_.metrics(), line.dump());
  return result;
}

// Without the folders of this machine.
std::string TrainingRun::model_name() const {
  if (!inputs_.graph.empty()) return "graph.ts";
  const std::filesystem::path path = job_.options.model;
  return (path.has_filename() ? path : path.parent_path()).filename().string();
}

void TrainingRun::write_artefacts() const {
  models::Metadata metadata = {{"model", model_name()}};
  metadata["input_scaling"] = input_scaling(plan_.data);
  if (plan_.data.text) metadata.merge(text_metadata(*plan_.data.text, resolved(job_.options, plan_)));
  const std::string hash = inputs_.model_sha256();
  if (!hash.empty()) metadata["model_file_sha256"] = hash;
  if (!private_) {
    metadata["privacy"] = "NOT PRIVATE: " + plan_.not_private;
    if (model().has_file()) model().write_file(folder_.script(), folder_certificates(folder_.path()));
    models::save_state(folder_.model(), model().state(), metadata);
    return;
  }
  privacy::Certificate certificate = run_certificate(job_.options, plan_, *private_, hash, inputs_.base);
  metadata["privacy"] = privacy::statement(certificate);
  models::save_state(folder_.model(), model().state(), metadata);
  if (model().has_file()) {
    // The certificate within it cannot tell its hash.
    certificate.files = run_file_hashes(folder_);
    certificate.files.erase(folder_.script().filename().string());
    Certificates certificates = folder_certificates(folder_.path());
    certificates[folder_.certificate().filename().string()] = privacy::to_json(certificate);
    model().write_file(folder_.script(), certificates);
  }
  certificate.files = run_file_hashes(folder_);
  privacy::write_certificate(folder_.certificate(), certificate);
}

void TrainingRun::report(const std::optional<TestResult>& result, bool finished) const {
  const RunReport report{.job = job_,
                         .plan = plan_,
                         .folder = folder_.path(),
                         .model_file = !inputs_.graph.empty(),
                         .training = private_.get(),
                         .device = device_.where().str(),
                         .result = result,
                         .steps = steps_done(),
                         .applied_steps = applied_steps_,
                         .time = std::chrono::steady_clock::now() - start_};
  if (job_.json) *job_.out << to_json(report, finished) << '\n';
  if (finished) text() << to_text(report) << std::flush;
}

}  // namespace sotto::tools

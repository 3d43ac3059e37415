// A training library without LibTorch in the place of libsotto_train.so: a run leaves the files of a real one, its
// accuracy is its learning rate, and what happens to it is said by the script of tuning_probe.h.

#include "tuning_probe.h"

#include <sotto/models/safetensors.h>
#include <sotto/privacy/atomic_file.h>
#include <sotto/privacy/certificate.h>
#include <sotto/privacy/ledger.h>
#include <sotto/privacy/ledger_time.h>
#include <sotto/privacy/secret_key.h>
#include <sotto/tools/config_file.h>
#include <sotto/tools/declaration.h>
#include <sotto/tools/metrics_file.h>
#include <sotto/tools/run_files.h>
#include <sotto/tools/training_job.h>
#include <sotto/tools/training_plan.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <optional>
#include <span>
#include <sstream>

namespace sotto::tools {
namespace {

std::string text_of(const char* path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

// Takes the first line of the script.
std::string next_fate() {
  const char* const path = std::getenv(testing::kProbeScript);
  if (path == nullptr) return "";
  const std::string text = text_of(path);
  const std::size_t end = text.find('\n');
  if (end == std::string::npos) return "";
  std::ofstream(path, std::ios::binary) << text.substr(end + 1);
  return text.substr(0, end);
}

void log(const TrainingJob& job) {
  if (const char* const path = std::getenv(testing::kProbeLog))
    std::ofstream(path, std::ios::app) << (job.kind == TrainingJob::Kind::resume    ? "resume"
                                           : job.kind == TrainingJob::Kind::dry_run ? "dry_run"
                                                                                    : "train")
                                       << '\n';
}

privacy::LedgerKeys new_keys() {
  return {privacy::SecretKey::from_operating_system().commitment(),
          privacy::SecretKey::from_operating_system().commitment(), true};
}

class Run {
 public:
  explicit Run(const TrainingJob& job) : job_(job), folder_(job.run), plan_(make_training_plan(job.options)) {
    const TuningRecord record = parse_tuning_record(job.tuning);
    take_tuning(plan_, record);
    time_.emplace(record.time);
  }

  void work(const std::string& fate, TrainingOutcome& outcome) {
    if (fate == "fail") throw DataError("[probe] no such records");
    if (fate == "kill at once") std::raise(SIGKILL);
    begin();
    const std::int64_t steps = plan_.steps;
    while (ledger_->contents().steps_charged() < steps) {
      ledger_->reserve(ledger_->next_step(), plan_.privacy->step_event(), job_.options.clip_norm, keys_.noise_key);
      if (ledger_->contents().steps_charged() != (steps + 1) / 2) continue;
      if (fate == "kill") std::raise(SIGKILL);
      if (fate == "diverge") throw Diverged("[probe] no numbers");
      if (fate == "interrupt") {
        save();
        outcome.exit_code = static_cast<int>(ExitCode::interrupted);
        return;
      }
    }
    save();
    append_metrics(folder_.metrics(), "{\"step\":" + std::to_string(steps) +
                                          ",\"accuracy\":" + std::to_string(*job_.options.lr / 100) + "}");
    if (fate == "kill before the certificate") std::raise(SIGKILL);
    certify();
    if (fate == "kill at the end") std::raise(SIGKILL);
  }

 private:
  void begin() {
    if (job_.kind == TrainingJob::Kind::resume) {
      ledger_.emplace(privacy::Ledger::open(folder_.ledger(), keys_));
      return;
    }
    folder_.claim();
    TrainOptions options = resolved(job_.options, plan_);
    options.kernel_costs = "built-in";
    privacy::write_file_atomically(folder_.config(), format_config(options, ""));
    privacy::write_file_atomically(folder_.tuning(), job_.tuning);
    privacy::LedgerHeader header;
    header.adjacency = plan_.privacy->adjacency();
    header.dataset_size = plan_.privacy->dataset_size();
    header.delta = plan_.privacy->delta();
    header.event = plan_.privacy->step_event();
    header.weight_rule = "flat";
    header.weight_rule_parameters = {{"clip_norm", options.clip_norm}};
    header.sensitivity = options.clip_norm;
    header.steps = plan_.steps;
    header.accountant_name = "certified";
    header.accountant_version = "1";
    header.keys_are_secret = true;
    ledger_.emplace(privacy::Ledger::create(folder_.ledger(), header, keys_));
    save();
  }

  TrainOptions written() const { return train_options(read_config(folder_.config())); }

  void save() {
    const std::array<float, 1> weight = {static_cast<float>(ledger_->next_step())};
    const models::TensorView view{"model.weight", models::Dtype::f32, {1}, std::as_bytes(std::span(weight))};
    models::write_safetensors(
        folder_.checkpoint(), std::span(&view, 1),
        {{"ledger_head", ledger_->head_hash()}, {"declared", declaration_sha256(written(), folder_)}},
        [&](const std::string& sha256) {
          ledger_->record_checkpoint({ledger_->contents().steps_charged(), sha256});
        });
  }

  void certify() {
    const std::array<float, 1> weight = {static_cast<float>(*job_.options.lr)};
    const models::TensorView view{"weight", models::Dtype::f32, {1}, std::as_bytes(std::span(weight))};
    models::write_safetensors(folder_.model(), std::span(&view, 1), {{"model", "probe"}});
    const privacy::LedgerContents& l = ledger_->contents();
    privacy::Certificate c;
    c.sotto_version = SOTTO_VERSION;
    c.run = l.header.run;
    c.adjacency = l.header.adjacency;
    c.accountant_name = "certified";
    c.accountant_version = "1";
    c.noise_multiplier = l.header.event.mechanism.noise_multiplier;
    c.sampling_rate = l.header.event.sampling_rate;
    c.dataset_size_declared = l.header.dataset_size;
    c.expected_batch_size = static_cast<double>(job_.options.batch);
    c.clip_norm = job_.options.clip_norm;
    c.weight_rule = "flat";
    c.weight_rule_parameters = l.header.weight_rule_parameters;
    c.weight_rule_bound = job_.options.clip_norm;
    c.planned = {plan_.steps, planned_epsilon(plan_), l.header.delta};
    c.executed = {l.steps_charged(), spent_epsilon(plan_, l.spent), l.header.delta};
    c.selection = certified(*plan_.tuning);
    c.input_scaling = "pixels by a public constant";
    c.not_covered = privacy::standard_exclusions(privacy::Noise::normal, true);
    c.noise_generator = "ChaCha20";
    c.key_source = "operating system";
    c.files = run_file_hashes(folder_);
    c.ledger_records = l.records;
    c.ledger_head_hash = l.head_hash;
    privacy::write_certificate(folder_.certificate(), c,
                               [&](const std::string& sha256) { ledger_->record_certificate(sha256); });
  }

  const TrainingJob& job_;
  RunFolder folder_;
  TrainingPlan plan_;
  std::optional<privacy::FixedLedgerTime> time_;
  privacy::LedgerKeys keys_ = new_keys();
  std::optional<privacy::Ledger> ledger_;
};

}  // namespace
}  // namespace sotto::tools

extern "C" const char* sotto_training_version() {
  return SOTTO_TRAINING_INTERFACE;
}

extern "C" void sotto_training_run(const sotto::tools::TrainingJob* job, sotto::tools::TrainingOutcome* outcome) {
  using namespace sotto;
  tools::log(*job);
  if (job->kind == tools::TrainingJob::Kind::dry_run) return;
  try {
    tools::Run(*job).work(tools::next_fate(), *outcome);
  } catch (const tools::Diverged& error) {
    *outcome = {static_cast<int>(error.code()), error.what(), true};
  } catch (const Error& error) {
    *outcome = {static_cast<int>(error.code()), error.what()};
  }
}

#include <fcntl.h>
#include <fmt/format.h>
#include <sotto/privacy/atomic_file.h>
#include <sotto/privacy/atomic_folder.h>
#include <sotto/privacy/certificate.h>
#include <sotto/privacy/error.h>
#include <sotto/privacy/ledger_time.h>
#include <sotto/privacy/secret_key.h>
#include <sotto/privacy/sha256.h>
#include <sotto/tools/config_file.h>
#include <sotto/tools/file_text.h>
#include <sotto/tools/run_files.h>
#include <sotto/tools/run_options.h>
#include <sotto/tools/run_page.h>
#include <sotto/tools/training_library.h>
#include <sotto/tools/tuning_grid.h>
#include <sotto/tools/tuning_run.h>
#include <sotto/tools/verification.h>
#include <sys/stat.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <limits>
#include <nlohmann/json.hpp>
#include <ostream>
#include <sstream>

namespace sotto::tools {
namespace {

// Throws LedgerError for a damaged ledger: it may hold charges, so that its run must not begin again.
std::int64_t charged_steps(const RunFolder& folder) {
  if (!is_there(folder.ledger())) return 0;
  const std::string text = file_text(folder.ledger());
  if (text.find('\n') == std::string::npos) return 0;  // the program ended within its first line
  return privacy::parse_ledger(text, folder.ledger().string()).steps_charged();
}

// That of the last line of metrics.jsonl, as the certificate of the run has it; larger is better.
std::optional<double> score_of(const RunFolder& folder, std::int64_t steps) {
  const std::string text = file_text(folder.metrics());
  const auto files = privacy::parse_certificate(file_text(folder.certificate())).files;
  const auto hash = files.find(folder.metrics().filename().string());
  if (hash == files.end() || hash->second != privacy::sha256_hex(text))
    throw DataError(fmt::format("[tune] {} is not the file that its certificate is of", folder.metrics().string()));
  std::istringstream lines(text);
  nlohmann::json last;
  for (std::string line; std::getline(lines, line);) last = nlohmann::json::parse(line, nullptr, false);
  if (!last.is_object() || !last.contains("step") || last["step"] != steps)
    throw DataError(
        fmt::format("[tune] {} does not end with the evaluation of step {}", folder.metrics().string(), steps));
  const auto number = [&](const char* name) -> std::optional<double> {
    if (!last.contains(name) || !last[name].is_number()) return std::nullopt;
    return last[name].get<double>();
  };
  if (const auto error = number("root_mean_square_error")) return -*error;
  return number("accuracy");
}

class Tuning {
 public:
  Tuning(TuningLedger& ledger, std::ostream& err) : ledger_(ledger), err_(err) {}

  ExitCode train_all() {
    if (!ledger_.contents().runs) {
      const TuningRecord& record = ledger_.contents().start.record;
      ledger_.draw(draw_candidates(record.runs, record.candidates.size()));
    }
    const std::size_t runs = ledger_.contents().runs->size();
    for (std::size_t i = 0; i < runs; ++i) {
      if (ledger_.contents().runs->at(i).ended) continue;
      if (!ledger_.contents().runs->at(i).started) ledger_.start(i);
      if (const ExitCode code = train(i); code != ExitCode::done) return code;
    }
    return ExitCode::done;
  }

  bool charged_any() const {
    const auto& runs = ledger_.contents().runs;
    for (std::size_t i = 0; runs && i < runs->size(); ++i)
      if (charged_steps(ledger_.run(i)) > 0) return true;
    return false;
  }

 private:
  ExitCode train(std::size_t i) {
    const RunFolder folder = ledger_.run(i);
    const std::int64_t steps = ledger_.contents().start.record.steps;
    err_ << fmt::format("sotto: run {} ...\n", i + 1);
    try {
      if (is_there(folder.checkpoint()) && verify_run(folder).finished()) {
        // It was stopped between its end and the record of it.
      } else if (const ExitCode code = is_there(folder.checkpoint()) ? resume(i, folder) : begin(i, folder);
                 code != ExitCode::done) {
        return code;
      }
    } catch (const Diverged&) {
      ledger_.end(i, std::nullopt);
      return ExitCode::done;
    }
    ledger_.end(i, score_of(folder, steps));
    return ExitCode::done;
  }

  ExitCode begin(std::size_t i, const RunFolder& folder) {
    if (charged_steps(folder) > 0)
      throw DataError(
          fmt::format("[tune] there is no checkpoint {}: this run was charged and cannot be continued; put "
                      "the file back",
                      folder.checkpoint().string()));
    std::filesystem::remove_all(folder.path().parent_path());
    return run(TrainingJob::Kind::train, folder, candidate_options(i));
  }

  ExitCode resume(std::size_t i, const RunFolder& folder) {
    TrainOptions options = run_options(folder);
    // What was drawn for it, whatever its config.toml says since.
    const TrainOptions drawn = candidate_options(i);
    for (const TrainKey& key : train_keys()) {
      if (!may_be_tried(key.name) || key.get(options) == key.get(drawn)) continue;
      if (const auto value = key.get(drawn)) key.set(options, *value);
    }
    return run(TrainingJob::Kind::resume, folder, std::move(options));
  }

  TrainOptions candidate_options(std::size_t i) const {
    const std::size_t candidate = ledger_.contents().runs->at(i).candidate;
    return train_options(parse_config(ledger_.contents().start.configs[candidate], kTuningLedger));
  }

  ExitCode run(TrainingJob::Kind kind, const RunFolder& folder, TrainOptions options) {
    TrainingJob job;
    job.kind = kind;
    job.run = folder.path();
    job.options = std::move(options);
    job.tuning = to_json(ledger_.contents().start.record);
    job.began_on = job.options.device;
    job.device = choose_device(job.options.device, err_);
    job.options.device = job.device.name;
    job.out = &nobody_;
    job.err = &err_;
    return static_cast<ExitCode>(run_training_job(job));
  }

  TuningLedger& ledger_;
  std::ostream& err_;
  std::ostream nobody_{nullptr};
};

// Of a tuning that spent nothing nothing is left: what was wrong can be mended, and it can begin again.
void remove_uncharged(const Tuning& tuning, const std::filesystem::path& work) noexcept {
  try {
    if (!tuning.charged_any()) std::filesystem::remove_all(work);
  } catch (const std::exception&) {  // then it stays
  }
}

void copy(const RunFolder& run, const std::filesystem::path& to, const std::filesystem::path& file) {
  const std::filesystem::path place = file.lexically_relative(run.path());
  std::filesystem::create_directories((to / place).parent_path());
  privacy::write_file_atomically(to / place, file_text(file));
}

// Without the checkpoint: what can be continued is not over.
void copy_run(const RunFolder& run, const std::filesystem::path& to) {
  for (const auto& [name, hash] : run_file_hashes(run)) copy(run, to, run.path() / name);
  for (const auto& file : {run.ledger(), run.certificate()}) copy(run, to, file);
}

bool is_copy(const std::filesystem::path& output, const RunFolder& run) {
  const RunFolder made(output);
  return is_there(made.certificate()) && file_text(made.certificate()) == file_text(run.certificate());
}

// All that is there bears this time: when it was written would tell how many runs came before.
void set_times(const std::filesystem::path& folder, std::time_t time) {
  const std::array<timespec, 2> times = {{{time, 0}, {time, 0}}};
  const auto set = [&](const std::filesystem::path& path) {
    if (::utimensat(AT_FDCWD, path.c_str(), times.data(), 0) != 0)
      throw IoError(fmt::format("[tune] cannot set the time of {}: {}", path.string(), std::strerror(errno)));
  };
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder)) set(entry.path());
  set(folder);
}

void publish(const RunFolder& run, const std::filesystem::path& output, const std::string& time) {
  if (is_copy(output, run)) return;  // stopped before the record of it
  RunFolder(output).require_free();
  std::error_code ignored;
  std::filesystem::remove(output, ignored);  // an empty folder
  privacy::AtomicFolder made(output);
  copy_run(run, made.path());
  const RunFolder copied(made.path());
  const Verification found = verify_run(copied);
  for (const Check& check : found.checks)
    if (check.outcome == Check::Outcome::fails)
      throw DataError(fmt::format("[tune] {} does not verify and is not released: {}: {}", run.path().string(),
                                  check.subject, check.text));
  if (!found.finished())
    throw DataError(fmt::format("[tune] {} is not finished and is not released", run.path().string()));
  HtmlReport page = report_of(copied);
  page.name = output.filename().string();
  page.trained_parameters = report_of(run).trained_parameters;  // of its checkpoint
  write_html_report(copied.page(), page);
  set_times(made.path(), privacy::seconds_of(time));
  made.publish();
}

std::size_t uniform_below(std::size_t count, privacy::RandomStream& stream) {
  const std::uint64_t most = std::numeric_limits<std::uint64_t>::max(), whole = most - most % count;
  for (;;)
    if (const std::uint64_t draw = stream.next_u64(); draw < whole) return draw % count;
}

}  // namespace

std::vector<std::size_t> draw_candidates(const privacy::SelectionRuns& runs, std::size_t candidates) {
  privacy::RandomStream stream(privacy::SecretKey::from_operating_system(), "tuning");
  std::vector<std::size_t> result(static_cast<std::size_t>(privacy::draw_runs(runs, stream)));
  for (std::size_t& candidate : result) candidate = uniform_below(candidates, stream);
  return result;
}

TuningOutcome run_tuning(TuningLedger& ledger, const std::filesystem::path& output, std::ostream& err) {
  Tuning tuning(ledger, err);
  TuningOutcome outcome;
  try {
    outcome.code = tuning.train_all();
  } catch (...) {
    remove_uncharged(tuning, ledger.work());
    throw;
  }
  if (outcome.code != ExitCode::done) return outcome;
  const std::optional<std::size_t> winner = ledger.contents().best();
  if (winner) {
    publish(ledger.run(*winner), output, ledger.contents().start.record.time);
    const TunedRun& run = ledger.contents().runs->at(*winner);
    outcome.released = output;
    outcome.settings = ledger.contents().start.record.candidates[run.candidate];
    outcome.score = run.score;
  }
  if (!ledger.contents().released) ledger.release(winner);
  return outcome;
}

}  // namespace sotto::tools

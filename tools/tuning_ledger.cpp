#include <fcntl.h>
#include <fmt/format.h>
#include <sotto/privacy/atomic_file.h>
#include <sotto/privacy/error.h>
#include <sotto/privacy/json_integer.h>
#include <sotto/privacy/ledger_text.h>
#include <sotto/privacy/sha256.h>
#include <sotto/tools/file_text.h>
#include <sotto/tools/tuning_ledger.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <cstring>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <utility>

namespace sotto::tools {
namespace {

using RecordJson = nlohmann::ordered_json;
namespace ledger_text = privacy::ledger_text;

constexpr int kTuningSchema = 1;
constexpr const char* kKeepPrivate =
    "This is the working folder of sotto tune. It tells how many runs were made, with which settings and how good they "
    "were. The guarantee of the model that the tuning returns holds only if nobody learns that: give this folder to "
    "nobody, and remove it when the tuning is over.\n";

std::string chained(RecordJson body, std::string_view previous) {
  body["previous"] = previous;
  std::string text = body.dump();
  text.pop_back();
  const std::string hash = privacy::sha256_hex(text);
  return text + fmt::format(R"(,"hash":"{}"}})", hash);
}

RecordJson start_json(const TuningStart& start) {
  return {{"record", "tuning"},
          {"schema", kTuningSchema},
          {"output", start.output},
          {"tuning", to_json(start.record)},
          {"configs", start.configs}};
}

void demand(bool condition, const char* what) {
  if (!condition) throw std::invalid_argument(what);
}

TuningStart start_of(const RecordJson& json) {
  demand(json.at("record") == "tuning", "the first record is another than the plan");
  demand(json.at("schema") == kTuningSchema, "of another version");
  TuningStart start{.record = parse_tuning_record(json.at("tuning").get<std::string>()),
                    .configs = json.at("configs").get<std::vector<std::string>>(),
                    .output = json.at("output").get<std::string>()};
  demand(start.configs.size() == start.record.candidates.size(), "another number of configurations than candidates");
  return start;
}

// The one place that knows what may follow what.
void take(TuningContents& contents, const RecordJson& json) {
  const auto record = json.at("record").get<std::string>();
  demand(!contents.released, "a record after the release");
  if (record == "draw") {
    demand(!contents.runs, "the number of runs was drawn twice");
    contents.runs.emplace();
    for (const auto& candidate : json.at("candidates")) {
      contents.runs->emplace_back();
      contents.runs->back().candidate = privacy::json_integer<std::size_t>(candidate);
      demand(contents.runs->back().candidate < contents.start.record.candidates.size(), "no such candidate");
    }
    return;
  }
  demand(contents.runs.has_value(), "a run before the number of runs was drawn");
  std::vector<TunedRun>& runs = *contents.runs;
  const auto run_of = [&]() -> TunedRun& {
    const auto number = privacy::json_integer<std::size_t>(json.at("run"));
    demand(number >= 1 && number <= runs.size(), "no such run");
    return runs[number - 1];
  };
  if (record == "start") {
    demand(!std::exchange(run_of().started, true), "a run that begins twice");
  } else if (record == "end") {
    TunedRun& run = run_of();
    demand(run.started && !std::exchange(run.ended, true), "a run that ends twice, or before it begins");
    if (!json.at("score").is_null()) run.score = json.at("score").get<double>();
  } else if (record == "release") {
    demand(std::ranges::all_of(runs, &TunedRun::ended), "a release before all runs were over");
    contents.released = true;
    if (!json.at("run").is_null()) contents.winner = privacy::json_integer<std::size_t>(json.at("run")) - 1;
    demand(contents.winner == contents.best(), "another run than the best was released");
  } else {
    throw std::invalid_argument("an unknown record");
  }
}

std::filesystem::path ledger_in(const std::filesystem::path& work) {
  return work / kTuningLedger;
}

void lock_tuning(int file, const std::filesystem::path& path) {
  if (::flock(file, LOCK_EX | LOCK_NB) == 0) return;
  if (errno == EWOULDBLOCK)
    throw LedgerError(fmt::format("[tune] {} is held by another process; one tuning, one process", path.string()));
  throw IoError(fmt::format("[tune] cannot lock {}: {}", path.string(), std::strerror(errno)));
}

}  // namespace

std::optional<std::size_t> TuningContents::best() const {
  std::optional<std::size_t> result;
  for (std::size_t i = 0; runs && i < runs->size(); ++i) {
    const std::optional<double>& score = (*runs)[i].score;
    if (score && (!result || *score > *(*runs)[*result].score)) result = i;
  }
  return result;
}

TuningContents parse_tuning_ledger(std::string_view text, std::size_t* intact) {
  TuningContents contents;
  std::size_t begin = 0;
  for (int number = 1; begin < text.size(); ++number) {
    const std::size_t end = text.find('\n', begin);
    if (end == std::string_view::npos) break;
    const std::string_view line = text.substr(begin, end - begin);
    try {
      demand(ledger_text::stated_hash(line) == ledger_text::hash_of(line), "another hash than it states");
      const RecordJson json = RecordJson::parse(line);
      demand(json.at("previous") == contents.head_hash, "it does not follow the line before it");
      if (number == 1)
        contents.start = start_of(json);
      else
        take(contents, json);
      contents.head_hash = ledger_text::stated_hash(line);
    } catch (const std::exception& error) {
      throw LedgerError(fmt::format("[tune] {} line {}: {}", kTuningLedger, number, error.what()));
    }
    begin = end + 1;
  }
  if (begin == 0) throw LedgerError(fmt::format("[tune] {} has no complete line", kTuningLedger));
  if (intact != nullptr) *intact = begin;
  return contents;
}

TuningLedger::TuningLedger(std::filesystem::path work, int file) : work_(std::move(work)), file_(file) {}

TuningLedger::TuningLedger(TuningLedger&& other) noexcept
    : work_(std::move(other.work_)),
      file_(std::exchange(other.file_, -1)),
      broken_(std::exchange(other.broken_, true)),
      contents_(std::move(other.contents_)) {}

TuningLedger::~TuningLedger() {
  if (file_ >= 0) ::close(file_);
}

TuningLedger TuningLedger::create(const std::filesystem::path& work, const TuningStart& start) {
  std::error_code error;
  if (work.has_parent_path()) std::filesystem::create_directories(work.parent_path(), error);
  if (::mkdir(work.c_str(), S_IRWXU) != 0) {
    const int reason = errno;
    if (reason == EEXIST)
      throw UsageError(
          fmt::format("[--work] there is something under the name {} already; choose another, or continue a tuning "
                      "with 'sotto tune --resume {}'",
                      work.string(), work.string()));
    throw IoError(fmt::format("[--work] cannot make the folder {}: {}", work.string(), std::strerror(reason)));
  }
  const int file = ::open(ledger_in(work).c_str(), O_RDWR | O_APPEND | O_CREAT | O_EXCL | O_CLOEXEC, S_IRUSR | S_IWUSR);
  if (file < 0) {
    const int reason = errno;
    std::filesystem::remove(work, error);
    throw IoError(fmt::format("[--work] cannot write to {}: {}", work.string(), std::strerror(reason)));
  }
  TuningLedger ledger(work, file);
  lock_tuning(file, ledger_in(work));
  ledger.write(start_json(start));
  ledger.contents_.start = start;
  privacy::write_file_atomically(work / "PRIVATE.txt", kKeepPrivate);
  privacy::flush_folder_of(ledger_in(work));
  privacy::flush_folder_of(work);
  return ledger;
}

TuningLedger TuningLedger::open(const std::filesystem::path& work) {
  const std::filesystem::path path = ledger_in(work);
  const int file = ::open(path.c_str(), O_RDWR | O_APPEND | O_CLOEXEC);
  if (file < 0)
    throw UsageError(fmt::format("[--resume] {} is not the working folder of a tuning: it has no {} that can be opened",
                                 work.string(), kTuningLedger));
  TuningLedger ledger(work, file);
  lock_tuning(file, path);
  const std::string text = file_text(path);
  std::size_t intact = 0;
  ledger.contents_ = parse_tuning_ledger(text, &intact);
  if (intact < text.size() && ::ftruncate(file, static_cast<off_t>(intact)) != 0)
    throw IoError(fmt::format("[tune] cannot write to {}: {}", path.string(), std::strerror(errno)));
  return ledger;
}

RunFolder TuningLedger::run(std::size_t number) const {
  return RunFolder(work_ / fmt::format("{}", number + 1) / "run");
}

void TuningLedger::append(const RecordJson& record) {
  if (broken_)
    throw LedgerError(fmt::format(
        "[tune] {} cannot go on: a record may not have been written; go on with 'sotto tune --resume'", kTuningLedger));
  TuningContents next = contents_;
  try {
    take(next, record);
  } catch (const std::invalid_argument& error) {
    throw LedgerError(fmt::format("[tune] {} cannot go on: {}", kTuningLedger, error.what()));
  }
  contents_ = std::move(next);
  write(record);
}

void TuningLedger::write(const RecordJson& record) {
  const std::string line = chained(record, contents_.head_hash);
  broken_ = true;
  if (!privacy::write_fully(file_, line + "\n") || ::fdatasync(file_) != 0)
    throw IoError(fmt::format("[tune] cannot write to {}: {}; is the disk full?", ledger_in(work_).string(),
                              std::strerror(errno)));
  contents_.head_hash = ledger_text::stated_hash(line);
  broken_ = false;
}

void TuningLedger::draw(const std::vector<std::size_t>& candidates) {
  append({{"record", "draw"}, {"candidates", candidates}});
}

void TuningLedger::start(std::size_t run) {
  append({{"record", "start"}, {"run", run + 1}});
}

void TuningLedger::end(std::size_t run, std::optional<double> score) {
  RecordJson json = {{"record", "end"}, {"run", run + 1}, {"score", nullptr}};
  if (score && std::isfinite(*score)) json["score"] = *score;
  append(json);
}

void TuningLedger::release(std::optional<std::size_t> run) {
  RecordJson json = {{"record", "release"}, {"run", nullptr}};
  if (run) json["run"] = *run + 1;
  append(json);
}

}  // namespace sotto::tools

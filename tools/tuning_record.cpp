#include <fmt/format.h>
#include <sotto/privacy/error.h>
#include <sotto/privacy/json_integer.h>
#include <sotto/privacy/selection_calibration.h>
#include <sotto/privacy/selection_json.h>
#include <sotto/tools/file_text.h>
#include <sotto/tools/tuning_record.h>

#include <nlohmann/json.hpp>
#include <stdexcept>

namespace sotto::tools {
namespace {

using TuningJson = nlohmann::ordered_json;

TuningRecord from_json(const TuningJson& json) {
  TuningRecord record;
  if (privacy::json_integer<int>(json.at("sotto_tuning")) != kTuningFormat)
    throw std::invalid_argument("of another version");
  record.time = json.at("time").get<std::string>();
  record.runs = privacy::runs_of(json.at("law"), "name");
  privacy::validate(record.runs);
  record.score = json.at("score").get<std::string>();
  record.candidates = json.at("candidates").get<std::vector<KeyTexts>>();
  if (record.candidates.empty() || record.candidates.size() > kMostCandidates)
    throw std::invalid_argument("a number of candidates out of range");
  const TuningJson& run = json.at("run");
  record.event = {run.at("sampling_rate").get<double>(), {run.at("noise_multiplier").get<double>()}};
  privacy::validate(record.event);
  record.steps = privacy::json_integer(run.at("steps"));
  record.delta = run.at("delta").get<double>();
  return record;
}

}  // namespace

bool operator==(const TuningRecord& a, const TuningRecord& b) {
  return to_json(a) == to_json(b);
}

std::string to_json(const TuningRecord& record) {
  TuningJson law;
  privacy::put_runs(law, "name", record.runs);
  const TuningJson json = {{"sotto_tuning", kTuningFormat},
                           {"time", record.time},
                           {"law", law},
                           {"score", record.score},
                           {"candidates", record.candidates},
                           {"run",
                            {{"sampling_rate", record.event.sampling_rate},
                             {"noise_multiplier", record.event.mechanism.noise_multiplier},
                             {"steps", record.steps},
                             {"delta", record.delta}}}};
  return json.dump(1) + "\n";
}

TuningRecord parse_tuning_record(std::string_view text) {
  try {
    TuningRecord record = from_json(TuningJson::parse(text));
    if (to_json(record) != text) throw std::invalid_argument("the text is not what this version writes");
    return record;
  } catch (const std::exception& error) {
    throw DataError(fmt::format("[tuning.json] {}; it was edited, cut, or written by another version", error.what()));
  }
}

std::optional<TuningRecord> tuning_record_of(const RunFolder& folder) {
  if (!is_there(folder.tuning())) return std::nullopt;
  return parse_tuning_record(file_text(folder.tuning()));
}

bool lies_in_tuning(const RunFolder& folder) {
  std::filesystem::path path = std::filesystem::absolute(folder.path()).lexically_normal();
  if (!path.has_filename()) path = path.parent_path();
  return is_there(path.parent_path().parent_path() / kTuningLedger);
}

bool is_of(const TuningRecord& record, const privacy::StepEvent& event, std::int64_t steps, double delta) {
  return privacy::same_parameters(record.event, event) && record.steps == steps && record.delta == delta;
}

privacy::CertifiedSelection certified(const TuningRecord& record) {
  return {
      .runs = record.runs, .candidates = static_cast<std::int64_t>(record.candidates.size()), .score = record.score};
}

double tuned_epsilon(const TuningRecord& record, privacy::Adjacency adjacency, const privacy::Phases& releases) {
  return privacy::selection_epsilon(record.runs, adjacency, releases, record.delta);
}

}  // namespace sotto::tools

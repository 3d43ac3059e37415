#pragma once
// tuning.json of a run that is one of several: what was planned of all of them, and is public.
//
//   {"sotto_tuning": 1, "time": ..., "law": ..., "score": ..., "candidates": [{"lr": "0.5"}, ...], "run": {...}}
//
// It holds nothing that was drawn, neither the number of runs nor what they chose, and no score. `sotto tune` puts it
// into the folder of every run, and with it epsilon is that of the whole tuning in everything that the run says.

#include <sotto/privacy/certificate.h>
#include <sotto/privacy/event.h>
#include <sotto/privacy/selection_runs.h>
#include <sotto/tools/run_folder.h>
#include <sotto/tools/train_options.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace sotto::tools {

inline constexpr const char* kTuningLedger = "tuning.jsonl";  // in the working folder of a tuning: tuning_ledger.h
inline constexpr int kTuningFormat = 1;
inline constexpr std::size_t kMostCandidates = 10000;

struct TuningRecord {
  std::string time;                  // when it was planned, UTC; all its runs state it for their starts
  privacy::SelectionRuns runs;       // the law of their number
  std::string score;                 // a noun: what the best one is best in
  std::vector<KeyTexts> candidates;  // 1 .. kMostCandidates, each drawn with the same probability
  // Of every run.
  privacy::PoissonSampled event;
  std::int64_t steps = 0;
  double delta = 0;

  friend bool operator==(const TuningRecord& a, const TuningRecord& b);
};

// Canonical: fixed order of keys, one space, line feed at the end.
std::string to_json(const TuningRecord& record);
// Throws DataError for any text that to_json would not write.
TuningRecord parse_tuning_record(std::string_view text);
// That of a folder; nothing where it has none. Throws DataError.
std::optional<TuningRecord> tuning_record_of(const RunFolder& folder);
// Whether the folder of a run is one of those of a tuning's working folder.
bool lies_in_tuning(const RunFolder& folder);

// Whether a run with these steps and this delta is one of those that were planned, whose noise is normal.
bool is_of(const TuningRecord& record, const privacy::StepEvent& event, std::int64_t steps, double delta);

// What a certificate says of it.
privacy::CertifiedSelection certified(const TuningRecord& record);
// Upper bound of epsilon of the whole tuning, when every run makes these releases.
double tuned_epsilon(const TuningRecord& record, privacy::Adjacency adjacency, const privacy::Phases& releases);

}  // namespace sotto::tools

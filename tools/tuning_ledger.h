#pragma once
// tuning.jsonl: what a tuning planned, drew and did, in the order in which it did it. It lies in the working folder,
// beside the folders of the runs, and tells what nobody may know: their number, their settings and their scores.
//
//   WORK/tuning.jsonl   WORK/PRIVATE.txt   WORK/1/run   WORK/2/run   ...      (RunFolder)
//
// JSON lines, chained by hashes as those of a privacy ledger (privacy/ledger_text.h), each on the device before what it
// tells of is done:
//
//   tuning   the public record (tuning_record.h), the configuration of every candidate, where the result goes
//   draw     the candidate of every run, and with that the number of runs; once
//   start    run N begins; a run that has begun is gone on with and never begun again, once it charged a step
//   end      run N is over, with its score, or none where it diverged
//   release  run N was copied out, or nothing was: no run was made, or all of them diverged
//
// A torn last line is cut off: what it tells of was not begun. One process holds the file at a time (flock).

#include <sotto/privacy/ledger_text.h>
#include <sotto/tools/run_folder.h>
#include <sotto/tools/tuning_record.h>

#include <cstdint>
#include <filesystem>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace sotto::tools {

struct TuningStart {
  TuningRecord record;
  std::vector<std::string> configs;  // of each candidate, as config_file.h writes them
  std::string output;                // where the result goes, absolute
};

struct TunedRun {
  std::size_t candidate = 0;  // place in TuningRecord::candidates
  bool started = false;
  bool ended = false;
  std::optional<double> score;  // larger is better; none where it diverged
};

struct TuningContents {
  TuningStart start;
  std::optional<std::vector<TunedRun>> runs;                               // once drawn; may be empty
  std::string head_hash = std::string(privacy::ledger_text::kNoPrevious);  // of the last line
  bool released = false;
  std::optional<std::size_t> winner;  // once released; none where nothing was

  // The best score, the first of equal ones: the runs were drawn in this order independently of each other. None where
  // no run has a score. Only when all have ended.
  std::optional<std::size_t> best() const;
};

// Throws LedgerError naming the line for a text that is damaged or out of order. `intact`: the length of the complete
// lines.
TuningContents parse_tuning_ledger(std::string_view text, std::size_t* intact = nullptr);

class TuningLedger {
 public:
  // Makes the working folder, which only its owner can read, and the ledger in it. Throws UsageError when there is
  // anything under that name, IoError.
  static TuningLedger create(const std::filesystem::path& work, const TuningStart& start);
  // Throws UsageError when the folder is none of a tuning, LedgerError, IoError.
  static TuningLedger open(const std::filesystem::path& work);

  TuningLedger(TuningLedger&& other) noexcept;
  TuningLedger& operator=(TuningLedger&&) = delete;
  TuningLedger(const TuningLedger&) = delete;
  TuningLedger& operator=(const TuningLedger&) = delete;
  ~TuningLedger();

  const std::filesystem::path& work() const { return work_; }
  const TuningContents& contents() const { return contents_; }
  // Of a run, counted from 0.
  RunFolder run(std::size_t number) const;

  // Each returns when the record lies on the device. Throw IoError, and LedgerError when it is not its turn.
  void draw(const std::vector<std::size_t>& candidates);
  void start(std::size_t run);
  void end(std::size_t run, std::optional<double> score);
  void release(std::optional<std::size_t> run);

 private:
  TuningLedger(std::filesystem::path work, int file);
  void append(const nlohmann::ordered_json& record);
  void write(const nlohmann::ordered_json& record);

  std::filesystem::path work_;
  int file_ = -1;
  bool broken_ = false;  // a write failed: the file may be behind contents_
  TuningContents contents_;
};

}  // namespace sotto::tools

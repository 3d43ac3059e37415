#pragma once
// The folder of a run and what lies in it.
//
//   config.toml         every option, as `sotto train --config` takes them
//   ledger.jsonl        the privacy ledger; absent when the run is NOT PRIVATE by rule none
//   metrics.jsonl       one JSON object per evaluation: step, epsilon spent so far, test accuracy
//   checkpoint.safetensors  what is trained, momentum and step number, for `sotto resume` (run_checkpoint.h)
//   model.safetensors   the model
//   graph.ts            the model file as it was given, of whose initial weights the run began; with --model FILE
//   model.ts            the same file with the trained weights; with --model FILE
//   table.schema        the schema of the tables as it was given; with --train-table
//   encoder/            config.json, tokenizer and licence of the published model; with texts and --model FOLDER
//   vocabulary.txt      the public list of tokens; with texts and a network from scratch
//   certificate.json    what may be said about the privacy of the run; absent for rule none
//   report.html         what is to be said of the run, as one page (html_report.h)
//   certificate.json.sig    its signature, where `sotto sign` made one
//   tuning.json         what was planned of the tuning that the run is one of (tuning_record.h); with sotto tune
//   audit.json          what `sotto audit` found (audit_report.h)
//   NOT_PRIVATE.txt     the reason, when the run is NOT PRIVATE
//   base-...            the same two of the weights that training began with (certificates.h)

#include <filesystem>
#include <string>
#include <vector>

namespace sotto::tools {

class RunFolder {
 public:
  explicit RunFolder(std::filesystem::path path) : path_(std::move(path)) {}

  const std::filesystem::path& path() const { return path_; }
  std::filesystem::path config() const { return path_ / "config.toml"; }
  std::filesystem::path ledger() const { return path_ / "ledger.jsonl"; }
  std::filesystem::path metrics() const { return path_ / "metrics.jsonl"; }
  std::filesystem::path checkpoint() const { return path_ / "checkpoint.safetensors"; }
  std::filesystem::path model() const { return path_ / "model.safetensors"; }
  std::filesystem::path graph() const { return path_ / "graph.ts"; }
  std::filesystem::path script() const { return path_ / "model.ts"; }
  std::filesystem::path schema() const { return path_ / "table.schema"; }
  std::filesystem::path encoder() const { return path_ / "encoder"; }
  std::filesystem::path vocabulary() const { return path_ / "vocabulary.txt"; }
  std::filesystem::path certificate() const { return path_ / "certificate.json"; }
  std::filesystem::path signature() const { return path_ / "certificate.json.sig"; }
  std::filesystem::path tuning() const { return path_ / "tuning.json"; }
  std::filesystem::path audit() const { return path_ / "audit.json"; }
  std::filesystem::path page() const { return path_ / "report.html"; }
  std::filesystem::path not_private() const { return path_ / "NOT_PRIVATE.txt"; }

  // Throws UsageError when the folder holds anything, so that no run is ever overwritten, or cannot be one.
  void require_free() const;
  // Throws UsageError when there is no run in it.
  void require_run() const;
  // Makes the folder where it is missing and claims it by an empty config.toml, which only one process can. Returns
  // whether the folder was made. Throws UsageError when another run has claimed it or it holds anything else, IoError.
  bool claim() const;
  // Removes the files of a run and, when `folder` is set, the folder. For one that was claimed and charged nothing.
  void discard(bool folder) const noexcept;

 private:
  std::filesystem::path path_;
};

// Removes what a program that was killed left of files that it was writing (privacy/atomic_file.h). For the one process
// that holds the run.
void remove_unfinished(const RunFolder& folder) noexcept;

// The names under which certificates go with a model (certificates.h), those of its bases included.
std::vector<std::string> certificate_names();

// runs/NAME, or runs/NAME-2 and so on when that is taken.
std::filesystem::path free_run_folder(const std::string& name);

}  // namespace sotto::tools

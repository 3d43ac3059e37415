#pragma once
// The certificate of a finished run: what was guaranteed, for whom, under which conditions, and what is not covered.
//
// The quotable figure is that of the planned steps. The figure of the executed steps stands beside it and holds only if
// the stopping time did not depend on the data or on outputs of the run. Every epsilon is rounded up to four decimals
// in the text; delta, rates and multipliers are written exactly.
//
// A run stamped NOT PRIVATE gets a certificate whose statement quotes no figure at all.

#include <sotto/privacy/atomic_file.h>
#include <sotto/privacy/event.h>
#include <sotto/privacy/plan.h>
#include <sotto/privacy/selection_runs.h>

#include <cstdint>
#include <filesystem>
#include <limits>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace sotto::privacy {

// Written; schema 1, without `run` and `files`, is still read.
inline constexpr int kCertificateSchema = 2;

struct CertifiedFigure {
  std::int64_t steps = -1;                                    // >= 0
  double epsilon = std::numeric_limits<double>::quiet_NaN();  // upper bound; finite, >= 0
  double delta = std::numeric_limits<double>::quiet_NaN();    // 0 < delta < 1

  friend bool operator==(const CertifiedFigure&, const CertifiedFigure&) = default;
};

// The run is the best of several (private_selection.h), and all figures are those of the whole selection.
struct CertifiedSelection {
  SelectionRuns runs;
  std::int64_t candidates = 0;  // settings that each run drew one of, >= 1
  std::string score;            // what the best one is best in; a noun: "accuracy on the test records"

  friend bool operator==(const CertifiedSelection&, const CertifiedSelection&) = default;
};

// Of the rule adaptive: the two noises of a step (adaptive_clipping.h), whose joint noise multiplier is the
// certificate's.
struct CertifiedAdaptiveClipping {
  double gradient_noise_multiplier = std::numeric_limits<double>::quiet_NaN();  // z_u: std / the step's clip norm; > 0
  double count_noise = std::numeric_limits<double>::quiet_NaN();                // s_b: std, in records; > 0

  friend bool operator==(const CertifiedAdaptiveClipping&, const CertifiedAdaptiveClipping&) = default;
};

// What was released of the private records beside the steps: planned_evaluations.h.
struct CertifiedEvaluations {
  std::int64_t planned = 0;                                            // >= 1, at most the planned steps
  std::int64_t executed = 0;                                           // as charged in the ledger: at most the planned
  double noise_multiplier = std::numeric_limits<double>::quiet_NaN();  // finite, > 0
  double largest_loss = std::numeric_limits<double>::quiet_NaN();      // B; finite, > 0

  friend bool operator==(const CertifiedEvaluations&, const CertifiedEvaluations&) = default;
};

struct Certificate {
  int schema = kCertificateSchema;
  std::string sotto_version;
  std::string run;  // LedgerHeader::run; not empty
  std::optional<Adjacency> adjacency;
  std::string group;  // what the unit of privacy is where it is no record but a group of them; a clause
  std::string accountant_name;
  std::string accountant_version;
  double noise_multiplier = std::numeric_limits<double>::quiet_NaN();  // noise std / weight_rule_bound; finite, > 0
  std::optional<LatticeNoise> lattice;  // of discrete noise: the noise multiplier is what lattice_step() says
  double sampling_rate = std::numeric_limits<double>::quiet_NaN();        // in (0, 1]
  std::int64_t dataset_size_declared = 0;                                 // >= 1
  double expected_batch_size = std::numeric_limits<double>::quiet_NaN();  // sampling_rate * dataset_size_declared
  double clip_norm = std::numeric_limits<double>::quiet_NaN();            // finite, > 0; of adaptive the first one
  std::string weight_rule;                                                // name, such as "flat"
  std::map<std::string, double> weight_rule_parameters;                   // finite
  // Norm of one contribution; finite, > 0. Of adaptive 1: in units of the step's clip norm.
  double weight_rule_bound = std::numeric_limits<double>::quiet_NaN();
  std::optional<CertifiedAdaptiveClipping> adaptive_clipping;  // of the rule adaptive, and of no other
  CertifiedFigure planned;                                     // at least one step
  CertifiedFigure executed;  // as charged in the ledger: at most the planned steps, same delta, no larger epsilon
  // None: nothing was released of the private records but the steps. The figures above cover them.
  std::optional<CertifiedEvaluations> evaluations;
  // The run ended by itself, before the planned steps, since the accuracy of so many evaluations one after the other
  // had not exceeded its reference; >= 1, only with evaluations. None: it did not.
  std::optional<std::int64_t> stopped_after_evaluations;
  std::optional<CertifiedSelection> selection;  // none: a run of its own
  std::string input_scaling;             // how records became numbers, and whether that was public or charged; a clause
  std::vector<std::string> not_covered;  // whole clauses; never empty, see standard_exclusions()
  std::string noise_generator;
  std::string key_source;
  std::optional<std::string> not_private;    // the reason, when the run is NOT PRIVATE
  std::map<std::string, std::string> files;  // SHA-256 of the run's files, by their place in its folder
  std::int64_t ledger_records = 0;           // >= 1
  std::string ledger_head_hash;              // LedgerContents::head_hash

  friend bool operator==(const Certificate&, const Certificate&) = default;
};

// What no run of this version covers, with this kind of noise; callers append what their run adds. With `selection`, of
// the best of several runs, whose choice is covered; with `evaluations`, of a run whose noisy metrics of the private
// records are.
std::vector<std::string> standard_exclusions(Noise noise = Noise::normal, bool selection = false,
                                             bool evaluations = false);

// Throws UsageError naming the field that is unset, out of range or inconsistent with another.
void validate(const Certificate& certificate);

// The sentences that may be quoted, complete: never quote a part. Throws UsageError for an invalid certificate.
std::string statement(const Certificate& certificate);

// Canonical JSON: fixed order of keys, two spaces, line feed at the end. Throws UsageError for an invalid certificate.
std::string to_json(const Certificate& certificate);
// Inverse of to_json, up to the rounding of epsilon. Throws DataError for any text that to_json would not write, so
// that neither a figure nor the statement can be changed alone.
Certificate parse_certificate(std::string_view json);

// Through write_file_atomically; UsageError or IoError, and what `before_rename` throws.
void write_certificate(const std::filesystem::path& path, const Certificate& certificate,
                       const BeforeRename& before_rename = {});

}  // namespace sotto::privacy

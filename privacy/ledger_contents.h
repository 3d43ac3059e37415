#pragma once
// What a privacy ledger says, and the strict reader of its text. Needs neither keys nor the lock, and writes nothing:
// this is what verification uses.
//
// A ledger is a file of JSON lines, chained by hashes (ledger_text.h; the form is privacy/schemas/ledger-2.json), in
// which every double is written as hexadecimal text, so that it is exact:
//
//   - header: what was planned: adjacency, unit, declared size, delta, sampler, noise, sensitivity, weight rule, steps,
//     accountant. It states release 0.
//   - incarnation: one start or resume of the program, with its time and the commitments of the keys it drew.
//   - release: another kind of release, with the next number; only when a step has other parameters than any before.
//   - reserve: one step is about to draw the noise of a release.
//   - recovered: a torn line was found on resume and charged as one step.
//   - evaluation: the model is about to be evaluated on the private records, planned_evaluations.h.
//   - evaluation_recovered: a torn line was found on resume and charged as an evaluation.
//   - checkpoint, certificate: a file with this SHA-256 is about to take its name.
//
// Spent = reserved + recovered + evaluations, whether the step or the evaluation was finished or not: a crash can
// over-charge, never under-charge. An evaluation that was charged and not finished is not made again.
// Times of incarnations never decrease, and no secret key is announced twice.

#include <sotto/privacy/event.h>
#include <sotto/privacy/planned_evaluations.h>

#include <cstdint>
#include <filesystem>
#include <limits>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace sotto::privacy {

// Fixed for the whole run: what was planned.
struct LedgerHeader {
  std::string run = {};                                       // random identifier; drawn by Ledger::create when empty
  std::optional<Adjacency> adjacency;                         // mandatory
  bool unit_is_group = false;                                 // the unit of privacy: a group of records, or a record
  std::int64_t dataset_size = 0;                              // declared number of these, >= 1
  double delta = std::numeric_limits<double>::quiet_NaN();    // 0 < delta < 1
  StepEvent event = {};                                       // of each planned step
  std::string weight_rule = {};                               // name, such as "flat"; not empty
  std::map<std::string, double> weight_rule_parameters = {};  // finite, >= 0
  double sensitivity = std::numeric_limits<double>::quiet_NaN();  // the rule's bound; finite, > 0
  std::int64_t steps = 0;                                         // planned, >= 1
  std::optional<PlannedEvaluations> evaluations = {};             // on private records; nothing: none
  std::string accountant_name = {};                               // not empty
  std::string accountant_version = {};                            // not empty
  bool keys_are_secret = false;                                   // false stamps the run NOT PRIVATE
};

// Throws UsageError naming the field that is unset or out of range. `run` is not looked at.
void validate(const LedgerHeader& header);

struct LedgerIncarnation {
  std::string noise_key;    // SecretKey::commitment()
  std::string sampler_key;  // SecretKey::commitment()
  std::string time;         // when the program started, UTC, "2026-01-31T23:59:59Z"
};

struct LedgerRelease {
  StepEvent event;
  double sensitivity = 0;  // norm of what one record adds; finite, > 0
};

struct LedgerCheckpoint {
  std::int64_t applied_steps = 0;  // >= 0, at most the steps charged before it
  std::string sha256;              // of the whole file
  std::string after = {};          // the hash of the line before it, where it was read
};

struct LedgerCertificate {
  std::string sha256;  // of the whole file
  std::string after;   // the hash of the line before it, which the certificate states
};

struct LedgerContents {
  int schema = 0;
  LedgerHeader header;
  std::vector<LedgerIncarnation> incarnations;
  std::vector<LedgerRelease> releases;  // stated; never empty
  std::vector<LedgerCheckpoint> checkpoints;
  std::vector<LedgerCertificate> certificates;
  Phases spent;  // reserved, recovered and torn steps, and evaluations; consecutive equal events merged
  std::int64_t evaluations_charged = 0;    // how many of `spent` are evaluations
  std::int64_t last_step = -1;             // largest step number charged, -1 when none
  std::int64_t records = 0;                // complete lines
  std::string head_hash;                   // of the last complete line: what certificates and checkpoints anchor
  std::int64_t intact_bytes = 0;           // length of the complete lines
  bool torn = false;                       // an incomplete last line follows
  std::vector<std::size_t> torn_releases;  // steps that it may have charged, which `spent` includes
  bool torn_evaluation = false;            // it may have charged an evaluation, which `spent` includes

  std::int64_t steps_charged() const;  // how many of `spent` are steps
  // Whether the ledger ends with the record of a certificate with this SHA-256: nothing happened since it was written.
  bool ends_with_certificate(std::string_view sha256) const;
};

// Throws LedgerError, naming the line, when the file is missing, not a ledger, edited, or out of order. An incomplete
// last line is no error: where it may be a charge, it counts as a step with the release that it names, or, where that
// is not there any more, as one step with each of the releases stated. It is none before the first start of a program
// and when all planned steps are charged. The same holds for an evaluation where any are planned.
LedgerContents read_ledger(const std::filesystem::path& path);
// The same of the text of a ledger; `source` names it in errors.
LedgerContents parse_ledger(std::string_view text, const std::string& source);

// The ledger as it was when the line with this hash was its last; nothing when no complete line has it. `text` must be
// that of a ledger that was read.
std::optional<LedgerContents> ledger_until(std::string_view text, std::string_view hash);

// Counts one of the planned evaluations.
void charge_evaluation(LedgerContents& contents);
// Counts one step of `release`.
void charge_step(LedgerContents& contents, std::int64_t step, std::size_t release);
bool same_parameters(const LedgerRelease& a, const LedgerRelease& b);

}  // namespace sotto::privacy

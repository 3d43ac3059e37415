#pragma once
// What a privacy ledger says, and the strict reader of its text. Needs neither keys nor the lock, and writes nothing:
// this is what verification uses.
//
// A ledger is a file of JSON lines. Each line holds the SHA-256 of the line before it in "previous" (64 zeros in the
// first), and every double is written as hexadecimal text, so that it is exact:
//
//   - header: what was planned: adjacency, unit, declared size, delta, sampler, event, weight rule, sensitivity, steps,
//     accountant.
//   - incarnation: one start or resume of the program, with the commitments of the keys it drew.
//   - event: from here on steps have these parameters; only when they differ from those in force.
//   - reserve: one step is about to draw its noise.
//   - recovered: a torn line was found on resume and charged as one step.
//
// Spent = reserved + recovered, whether the step was finished or not: a crash can over-charge, never under-charge.

#include <sotto/privacy/event.h>

#include <cstdint>
#include <filesystem>
#include <limits>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace sotto::privacy {

// Fixed for the whole run; the parameters that any step has unless an event record says otherwise.
struct LedgerHeader {
  std::string run = {};                                       // random identifier; drawn by Ledger::create when empty
  std::optional<Adjacency> adjacency;                         // mandatory
  bool unit_is_group = false;                                 // the unit of privacy: a group of records, or a record
  std::int64_t dataset_size = 0;                              // declared number of these, >= 1
  double delta = std::numeric_limits<double>::quiet_NaN();    // 0 < delta < 1
  PoissonSampled event = {};                                  // of each planned step
  std::string weight_rule = {};                               // name, such as "flat"; not empty
  std::map<std::string, double> weight_rule_parameters = {};  // finite, >= 0
  double sensitivity = std::numeric_limits<double>::quiet_NaN();  // the rule's bound; finite, > 0
  std::int64_t steps = 0;                                         // planned, >= 1
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

struct LedgerContents {
  LedgerHeader header;
  std::vector<LedgerIncarnation> incarnations;
  Phases spent;          // reserved, recovered and torn steps; consecutive equal events merged
  PoissonSampled event;  // parameters in force at the end
  double sensitivity = 0;
  std::int64_t last_step = -1;    // largest step number charged, -1 when none
  std::int64_t records = 0;       // complete lines
  std::string head_hash;          // SHA-256 of the last complete line: what certificates and checkpoints anchor
  std::int64_t intact_bytes = 0;  // length of the complete lines
  bool torn = false;              // an incomplete last line follows
  bool torn_step = false;         // it may be a step's, and is charged in `spent`
};

// Throws LedgerError, naming the line, when the file is missing, not a ledger, edited, or out of order. An incomplete
// last line is no error: unless it is plainly an incarnation's, it counts as one reserved step with the parameters in
// force.
LedgerContents read_ledger(const std::filesystem::path& path);

// Counts one step with the parameters in force.
void charge_step(LedgerContents& contents, std::int64_t step);
bool same_parameters(const PoissonSampled& a, const PoissonSampled& b);

}  // namespace sotto::privacy

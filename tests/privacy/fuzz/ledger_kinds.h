#pragma once
// The kinds of lines of a made ledger, and what each does to it where it is allowed.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "../../support/fuzz_bytes.h"
#include "ledger_lines.h"

namespace sotto::privacy::testing {

struct Release {
  double sampling_rate = 0;
  double noise_multiplier = 0;
};

// What a line says, up to "previous"; and what it does where it is allowed.
struct Line {
  std::string body;
  bool allowed = true;
  std::optional<Release> stated = {};
  std::optional<std::size_t> charged = {};
  bool evaluates = false;
  std::int64_t step = -1;
  std::optional<std::string_view> time = {};
  std::string noise_key = {}, sampler_key = {};
};

// A ledger as far as it is made.
struct LedgerSoFar {
  MadeLedger made;
  bool keys_are_secret = true;
  std::int64_t planned_steps = 0, planned_evaluations = 0;
  double evaluation_noise = 0;
  std::vector<Release> releases;
  std::vector<std::string_view> times;  // of the starts
  std::set<std::string> noise_keys, sampler_keys;

  std::int64_t steps_charged() const;
  std::int64_t left() const { return planned_steps - steps_charged(); }
  void charge(std::size_t release);
  void evaluate();
};

// The header, which states what is planned when it is the first line.
Line header_line(sotto::testing::FuzzBytes& bytes, LedgerSoFar& so_far);

// Any line, the header included. Most often a step, since most lines of a ledger are.
Line any_line(sotto::testing::FuzzBytes& bytes, LedgerSoFar& so_far, unsigned kind);

}  // namespace sotto::privacy::testing

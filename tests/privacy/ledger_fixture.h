#pragma once
// A ledger in a folder of its own, with keys and a header to start it.

#include <gtest/gtest.h>
#include <sotto/privacy/error.h>
#include <sotto/privacy/ledger.h>
#include <sotto/privacy/sha256.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

#include "../support/scratch_folder.h"

namespace sotto::privacy {

inline constexpr PoissonSampled kEvent{0.1, Gaussian{1.1}};
inline constexpr PoissonSampled kOther{0.1, Gaussian{0.7}};  // costs more than kEvent

inline LedgerKeys keys(int incarnation, bool secret = true) {
  return {sha256_hex("noise " + std::to_string(incarnation)), sha256_hex("sampler " + std::to_string(incarnation)),
          secret};
}

inline LedgerHeader header() {
  LedgerHeader h;
  h.adjacency = Adjacency::add_remove;
  h.dataset_size = 60000;
  h.delta = 1e-5;
  h.event = kEvent;
  h.weight_rule = "psac";
  h.weight_rule_parameters = {{"clip_norm", 0.3}, {"r", 0.1}};
  h.sensitivity = 0.3;
  h.steps = 100;
  h.accountant_name = "rdp";
  h.accountant_version = "1";
  h.keys_are_secret = true;
  return h;
}

inline std::string content_of(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}
inline void replace_content(const std::filesystem::path& path, const std::string& content) {
  std::ofstream(path, std::ios::binary | std::ios::trunc) << content;
}
inline std::int64_t steps_in(const Phases& spent) {
  std::int64_t total = 0;
  for (const auto& run : spent) total += run.count;
  return total;
}

class LedgerTest : public ::testing::Test {
 protected:
  Ledger create() { return Ledger::create(path_, header(), keys(1)); }
  void charge(Ledger& ledger, int steps, const PoissonSampled& event = kEvent, int incarnation = 1) {
    for (int i = 0; i < steps; ++i) ledger.reserve(ledger.next_step(), event, 0.3, keys(incarnation).noise_key);
  }
  std::string refusal() {
    try {
      read_ledger(path_);
    } catch (const LedgerError& error) {
      EXPECT_EQ(error.code(), ExitCode::ledger_refused);
      return error.what();
    }
    return "";
  }

  sotto::testing::ScratchFolder folder_{sotto::testing::ScratchFolder::memory()};  // flushed thousands of times
  std::filesystem::path path_ = folder_.path() / "ledger.jsonl";
};

}  // namespace sotto::privacy

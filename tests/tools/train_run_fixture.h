#pragma once
// Whole runs of `sotto train` on a small data set of pictures, for tests that run the real program.

#include <gtest/gtest.h>
#include <sotto/privacy/certificate.h>
#include <sotto/privacy/ledger_contents.h>

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>

#include "program.h"
#include "small_images.h"

namespace sotto::tools {

using nlohmann::json;
using testing::content, testing::Outcome, testing::Program, testing::run, testing::SmallImages;
using testing::Words, testing::operator+;

inline constexpr const char* kDelta = "0.0001";

inline int64_t charged(const std::filesystem::path& ledger) {
  int64_t total = 0;
  for (const auto& event : privacy::read_ledger(ledger).spent) total += event.count;
  return total;
}

class TrainRun : public ::testing::Test {
 protected:
  TrainRun()
      : train_(testing::write_small_images(folder_, "train", 300)),
        test_(testing::write_small_images(folder_, "test", 50, 2)) {}

  Words data(const SmallImages& images) const {
    return {"train", "--train-images", images.images, "--train-labels", images.labels, "--dataset-size",
            "300",   "--batch",        "40",          "--threads",      "1",           "--physical-batch",
            "32"};
  }
  Words base() const { return data(train_) + Words{"--test-images", test_.images, "--test-labels", test_.labels}; }
  Words private_run(const std::string& steps) const {
    return base() +
           Words{"--epsilon", "3", "--delta", kDelta, "--steps", steps, "--output", run_path().string(), "--json"};
  }
  std::filesystem::path run_path() const { return folder_.path() / "run"; }
  std::filesystem::path ledger() const { return run_path() / "ledger.jsonl"; }
  bool ledger_has_lines(size_t lines) const {
    const std::string text = content(ledger());
    return static_cast<size_t>(std::ranges::count(text, '\n')) >= lines;
  }
  privacy::Certificate certificate() const {
    return privacy::parse_certificate(content(run_path() / "certificate.json"));
  }
  double account_epsilon(double noise_multiplier, const std::string& steps) const {
    char noise[40];
    std::snprintf(noise, sizeof noise, "%.17g", noise_multiplier);
    const Outcome outcome = run({"account", "epsilon", "--dataset-size", "300", "--batch", "40", "--noise-multiplier",
                                 noise, "--steps", steps, "--delta", kDelta, "--json"});
    EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
    return json::parse(outcome.out).at("epsilon_upper");
  }
  void expect_failure(const Outcome& outcome, int exit_code, const std::string& what) const {
    EXPECT_EQ(outcome.exit_code, exit_code) << outcome.err;
    std::string error = outcome.err;
    while (error.starts_with("note ")) error.erase(0, error.find('\n') + 1);
    EXPECT_TRUE(error.starts_with("sotto: ")) << outcome.err;
    EXPECT_EQ(error.find('\n'), error.size() - 1) << "not one line: " << outcome.err;
    EXPECT_NE(outcome.err.find(what), std::string::npos) << outcome.err;
  }

  sotto::testing::ScratchFolder folder_;
  SmallImages train_, test_;
};

}  // namespace sotto::tools

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sotto/models/peft_config.h>

#include <fstream>

#include "../support/scratch_folder.h"

namespace sotto::models {
namespace {

using ::testing::ElementsAre;

TEST(PeftConfig, NumbersComeBack) {
  const sotto::testing::ScratchFolder folder;
  for (const double alpha : {1.0, 16.0, 0.1, 1e30, 1.0 / 3.0}) {
    std::ofstream(folder.path() / "c.json")
        << format_peft_config({.base_model = "b", .rank = 7, .alpha = alpha, .target_modules = {"x", "y.z"}});
    const PeftConfig read = read_peft_config(folder.path() / "c.json");
    EXPECT_EQ(read.alpha, alpha);
    EXPECT_EQ(read.rank, 7);
    EXPECT_THAT(read.target_modules, ElementsAre("x", "y.z"));
  }
}

}  // namespace
}  // namespace sotto::models

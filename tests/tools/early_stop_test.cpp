#include <gtest/gtest.h>
#include <sotto/privacy/error.h>
#include <sotto/tools/early_stop.h>

#include <vector>

#include "../support/scratch_folder.h"

namespace sotto::tools {
namespace {

using Values = std::vector<double>;

TEST(EarlyStop, EndsWhenSoManyInARowAreNotBetterByMoreThanTheNoise) {
  EXPECT_FALSE(nothing_better(Values{}, 0.01, 1));
  EXPECT_FALSE(nothing_better(Values{0.5}, 0.01, 1));
  EXPECT_FALSE(nothing_better(Values{0.5, 0.52}, 0.01, 1));
  EXPECT_TRUE(nothing_better(Values{0.5, 0.505}, 0.01, 1));  // better, but within the noise
  EXPECT_FALSE(nothing_better(Values{0.5, 0.505}, 0.01, 2));
  EXPECT_TRUE(nothing_better(Values{0.5, 0.505, 0.509}, 0.01, 2));
  EXPECT_FALSE(nothing_better(Values{0.5, 0.505, 0.52, 0.4}, 0.01, 2));  // the waiting begins anew
  EXPECT_TRUE(nothing_better(Values{0.5, 0.505, 0.52, 0.4, 0.52}, 0.01, 2));
  EXPECT_TRUE(nothing_better(Values{-0.1, -0.2, -0.3}, 0.01, 2));  // noise below 0 is a value like any other
}

TEST(EarlyStop, OnceEndedARunStaysEnded) {
  EXPECT_TRUE(nothing_better(Values{0.5, 0.4, 0.4, 0.9}, 0.01, 2));
}

TEST(EarlyStop, ReadsWhatWasReleasedInItsOrder) {
  const sotto::testing::ScratchFolder folder;
  const auto write = [&](const std::string& text) {
    return folder.write("metrics.jsonl", std::vector<std::uint8_t>(text.begin(), text.end()));
  };
  EXPECT_EQ(released_accuracies(write("{\"step\":1,\"accuracy\":0.9}\n{\"step\":2,\"private_accuracy\":0.25}\n"
                                      "{\"step\":2,\"accuracy\":null}\n{\"step\":3,\"private_accuracy\":-0.5}\n"
                                      "{\"step\":4,\"private_acc")),
            (Values{0.25, -0.5}));
  EXPECT_THROW(released_accuracies(write("{}\nno json\n")), DataError);
}

}  // namespace
}  // namespace sotto::tools

#include <gtest/gtest.h>
#include <sotto/tools/plan_notes.h>

#include <set>
#include <string>
#include <vector>

namespace sotto::tools {
namespace {

using Notes = std::vector<PlanNote>;

constexpr NotedSetting kSound = {
    .dataset_size = 60000, .batch = 2048, .steps = 1172, .noise_multiplier = 1.8, .run_signal_to_noise = 200};

TEST(PlanNotes, ASettingThatIsKnownToWorkHasNone) {
  EXPECT_EQ(notes(kSound), Notes{});
  EXPECT_EQ(joined_names(notes(kSound)), "-");
}

TEST(PlanNotes, LittleNoiseBeginsBelowAHalf) {
  NotedSetting setting = kSound;
  setting.noise_multiplier = 0.5;
  EXPECT_EQ(notes(setting), Notes{});
  setting.noise_multiplier = 0.499;
  EXPECT_EQ(notes(setting), Notes{PlanNote::noise});
}

// Chances of an empty batch: 0.996^1000 = 0.0182, 0.995^1000 = 0.0067, 0.6^10 = 0.006, 0.7^10 = 0.028, 0^3 = 0.
TEST(PlanNotes, EmptyBatchesAreCountedByTheirProbability) {
  const auto at = [](int64_t records, int64_t batch) {
    NotedSetting setting = kSound;
    setting.dataset_size = records, setting.batch = batch, setting.steps = 1;
    return notes(setting);
  };
  EXPECT_EQ(at(1000, 4), Notes{PlanNote::empty});
  EXPECT_EQ(at(1000, 5), Notes{});
  EXPECT_EQ(at(10, 4), Notes{});
  EXPECT_EQ(at(10, 3), Notes{PlanNote::empty});
  EXPECT_EQ(at(3, 3), Notes{});
  EXPECT_EQ(at(int64_t{1} << 53, 4), Notes{PlanNote::empty});
}

TEST(PlanNotes, MoreThanAThousandPassesAreNoted) {
  NotedSetting setting = kSound;
  setting.batch = 6000, setting.steps = 10000;
  EXPECT_EQ(notes(setting), Notes{});
  setting.steps = 10001;
  EXPECT_EQ(notes(setting), Notes{PlanNote::epochs});
}

TEST(PlanNotes, ALowSignalIsWeakAndThenHopeless) {
  NotedSetting setting = kSound;
  setting.run_signal_to_noise = 10;
  EXPECT_EQ(notes(setting), Notes{});
  setting.run_signal_to_noise = 9.99;
  EXPECT_EQ(notes(setting), Notes{PlanNote::weak});
  setting.run_signal_to_noise = 0.49;
  EXPECT_EQ(notes(setting), Notes{PlanNote::hopeless});
  setting.noise_multiplier = 0.1;
  EXPECT_EQ(joined_names(notes(setting)), "noise,hopeless");
}

TEST(PlanNotes, EveryNoteHasANameAndSaysWhatToDo) {
  std::set<std::string_view> names;
  for (const PlanNote note : kPlanNotes) {
    names.insert(to_string(note));
    EXPECT_TRUE(std::string(sentence(note)).find("take ") != std::string::npos ||
                std::string(sentence(note)).find("train ") != std::string::npos);
  }
  EXPECT_EQ(names.size(), std::size(kPlanNotes));
}

}  // namespace
}  // namespace sotto::tools

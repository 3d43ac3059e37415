// The picture of `sotto plan`. Runs the real program.

#include <gtest/gtest.h>

#include <cmath>
#include <cstdio>
#include <string>
#include <vector>

#include "../support/scratch_folder.h"
#include "plan_program.h"

namespace sotto::tools {
namespace {

using testing::content;
using testing::kPlan;
using testing::kSmall;
using testing::number;
using testing::Outcome;
using testing::run_json;
using testing::run_line;

TEST(PlanPicture, AFolderThatIsNotThereIsAnInputOutputError) {
  const Outcome outcome = run_line(kSmall + "--picture /nonexistent/plan.svg");
  EXPECT_EQ(outcome.exit_code, 74);
  EXPECT_EQ(outcome.out, "");
}

struct Mark {
  double x, y;
  bool ring;
};

std::vector<Mark> marks(const std::string& picture) {
  std::vector<Mark> result;
  for (size_t at = picture.find("<circle"); at != std::string::npos; at = picture.find("<circle", at + 1)) {
    Mark mark{};
    EXPECT_EQ(std::sscanf(picture.c_str() + at, "<circle cx=\"%lf\" cy=\"%lf\"", &mark.x, &mark.y), 2);
    mark.ring = picture.substr(at, picture.find("/>", at) - at).find("fill=\"none\"") != std::string::npos;
    result.push_back(mark);
  }
  return result;
}

TEST(PlanPicture, MarksStandAtTheLogarithmsOfBatchAndSignal) {
  const sotto::testing::ScratchFolder folder;
  const std::string line = kPlan + "--batch 256,1024,16384 --epochs 5,20";
  const Outcome outcome = run_line(line + " --picture plan.svg", folder.path().string());
  ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
  EXPECT_EQ(outcome.out, "plan.svg written\n" + run_line(line).out);
  const auto plan = run_json(line);
  const std::string picture = content(folder.path() / "plan.svg");
  const std::vector<Mark> found = marks(picture);
  ASSERT_EQ(found.size(), 14u);  // two panels of two lines of three dots, and a ring
  for (const size_t panel : {0, 1}) {
    const char* const key = panel == 0 ? "run_signal_to_noise" : "step_signal_to_noise";
    const Mark* const dots = &found[7 * panel];
    // Row of dot i: lines are lengths, rows are sorted by batch first.
    const auto row = [&](size_t i) -> const nlohmann::json& { return plan.at("rows")[i % 3 * 2 + i / 3]; };
    EXPECT_NEAR((dots[2].x - dots[0].x) / (dots[1].x - dots[0].x), 3, 1e-2);  // 2^6 and 2^2
    const double scale = (dots[2].y - dots[0].y) / std::log(number(row(2), key) / number(row(0), key));
    EXPECT_LT(scale, 0) << "more signal is higher";
    for (size_t i = 0; i < 6; ++i) {
      EXPECT_EQ(dots[i].x, dots[i % 3].x);
      EXPECT_NEAR(dots[i].y - dots[0].y, scale * std::log(number(row(i), key) / number(row(0), key)), 0.05);
      EXPECT_FALSE(dots[i].ring);
    }
    const size_t suggested = plan.at("suggested").at("row");
    EXPECT_TRUE(dots[6].ring);
    EXPECT_EQ(dots[6].x, dots[suggested / 2 + 3 * (suggested % 2)].x);
    EXPECT_EQ(dots[6].y, dots[suggested / 2 + 3 * (suggested % 2)].y);
  }
  for (const char* part : {">5 epochs<", ">20 epochs<", ">suggested<", ">256<", ">1024<", ">16384<", ">One step<"})
    EXPECT_NE(picture.find(part), std::string::npos) << part;
  for (const char* part : {"nan", "inf\"", "href"}) EXPECT_EQ(picture.find(part), std::string::npos) << part;
}

TEST(PlanPicture, ASingleBatchStandsInTheMiddle) {
  const sotto::testing::ScratchFolder folder;
  const Outcome outcome = run_line(kPlan + "--batch 2048 --steps 10 --picture p.svg", folder.path().string());
  ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
  const std::vector<Mark> found = marks(content(folder.path() / "p.svg"));
  ASSERT_EQ(found.size(), 4u);
  EXPECT_NEAR(found[2].x - found[0].x, 520, 1e-9);  // the width of a panel
  EXPECT_NEAR(found[0].x, 78 + 420 / 2.0, 1e-9);
}

}  // namespace
}  // namespace sotto::tools

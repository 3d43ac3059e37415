// Costs of kernels are measured once for each machine and setting, and a file that cannot be used is no error.

#include <gtest/gtest.h>
#include <sotto/privacy/error.h>
#include <sotto/tools/costs_file.h>

#include <cstdlib>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "../support/scratch_folder.h"

namespace sotto::tools {
namespace {

const CostsKey kKey{"AMD EPYC", "avx512, AVX512", 2, "2.15.0", "0.1.0", "stock"};
constexpr CostFigures kFigures{1.5e11, 3e11, 2.5e11, 2e10};

class KeptCostsTest : public ::testing::Test {
 protected:
  std::filesystem::path path() const { return folder_.path() / "sotto" / "kernel_costs.json"; }
  KeptCosts kept(const CostsKey& key, const CostFigures& figures, bool refresh = false) {
    return kept_costs(path(), key, refresh, [&] {
      ++measurements_;
      return figures;
    });
  }
  std::string content() const {
    std::ifstream stream(path(), std::ios::binary);
    return {std::istreambuf_iterator<char>(stream), {}};
  }
  void write(const std::string& text) const { folder_.write("sotto/kernel_costs.json", {text.begin(), text.end()}); }

  sotto::testing::ScratchFolder folder_;
  int measurements_ = 0;
};

TEST_F(KeptCostsTest, AreMeasuredOnceAndThenRead) {
  const KeptCosts first = kept(kKey, kFigures);
  EXPECT_TRUE(first.measured);
  EXPECT_EQ(first.notice, "");
  const KeptCosts second = kept(kKey, {1, 1, 1, 1});
  EXPECT_FALSE(second.measured);
  EXPECT_EQ(second.figures, kFigures);
  EXPECT_EQ(measurements_, 1);
}

TEST_F(KeptCostsTest, AreThoseOfOneMachineVersionAndSetting) {
  std::vector<CostsKey> keys(7, kKey);
  keys[1].processor = "Intel";
  keys[2].instruction_set = "avx2, AVX2";
  keys[3].threads = 1;
  keys[4].libtorch = "2.16.0";
  keys[5].sotto = "0.2.0";
  keys[6].matmul = "fast";
  for (size_t k = 0; k < keys.size(); ++k) {
    CostFigures figures = kFigures;
    figures.gram += static_cast<double>(k);
    EXPECT_TRUE(kept(keys[k], figures).measured) << k;
  }
  for (size_t k = 0; k < keys.size(); ++k) {
    const KeptCosts again = kept(keys[k], {1, 1, 1, 1});
    EXPECT_FALSE(again.measured);
    EXPECT_EQ(again.figures.gram, kFigures.gram + static_cast<double>(k));
  }
}

TEST_F(KeptCostsTest, AreMeasuredAgainWhenAskedTo) {
  kept(kKey, kFigures);
  const CostFigures other{4, 3, 2, 1};
  EXPECT_EQ(kept(kKey, other, true).figures, other);
  EXPECT_EQ(kept(kKey, kFigures).figures, other);
}

TEST_F(KeptCostsTest, OfADamagedFileAreMeasuredAgainAndWrittenAnew) {
  kept(kKey, kFigures);
  const std::string whole = content();
  std::vector<std::string> damaged = {"",
                                      "{",
                                      "null",
                                      "[1]",
                                      R"({"format":1})",
                                      R"({"format":1,"costs":[{}]})",
                                      R"({"format":1,"costs":3})",
                                      std::string(2 << 20, ' ')};
  for (size_t length : {whole.size() / 2, whole.size() - 3}) damaged.push_back(whole.substr(0, length));
  const auto replaced = [&](const std::string& from, const std::string& to) {
    std::string text = whole;
    return text.replace(text.find(from), from.size(), to);
  };
  damaged.push_back(replaced("\"format\": 1", "\"format\": 2"));
  for (const char* figure : {"-3.0", "0", "1e999", "null", "\"3\"", "true"})
    damaged.push_back(replaced("300000000000.0", figure));
  for (const std::string& text : damaged) {
    write(text);
    EXPECT_TRUE(kept(kKey, kFigures).measured) << text.substr(0, 400);
    EXPECT_EQ(content(), whole);
  }
}

TEST_F(KeptCostsTest, ThatCannotBeWrittenAreUsedWithANotice) {
  folder_.write("sotto", {});  // a file where the folder should be
  for (int time = 1; time <= 2; ++time) {
    const KeptCosts costs = kept(kKey, kFigures);
    EXPECT_EQ(costs.figures, kFigures);
    EXPECT_NE(costs.notice.find("cannot be kept"), std::string::npos) << costs.notice;
    EXPECT_EQ(costs.notice.find('\n'), std::string::npos);
    EXPECT_EQ(measurements_, time);
  }
  EXPECT_NE(kept_costs({}, kKey, false, [] { return kFigures; }).notice, "");
}

TEST_F(KeptCostsTest, AFolderOrAPipeInTheirPlaceStays) {
  std::filesystem::create_directories(path());
  EXPECT_NE(kept(kKey, kFigures).notice, "");
  EXPECT_TRUE(std::filesystem::is_directory(path()));
}

TEST_F(KeptCostsTest, OldOnesGoWhenThereAreMany) {
  for (int threads = 1; threads <= 40; ++threads) {
    CostsKey key = kKey;
    key.threads = threads;
    kept(key, kFigures);
  }
  CostsKey newest = kKey, oldest = kKey;
  newest.threads = 9;
  oldest.threads = 8;
  EXPECT_FALSE(kept(newest, kFigures).measured);
  EXPECT_TRUE(kept(oldest, kFigures).measured);
}

TEST(CostsPath, IsInTheCacheFolderOfTheUser) {
  ::setenv("HOME", "/home/someone", 1);
  ::setenv("XDG_CACHE_HOME", "/cache", 1);
  EXPECT_EQ(costs_path(), "/cache/sotto/kernel_costs.json");
  for (const char* unusable : {"", "relative"}) {
    ::setenv("XDG_CACHE_HOME", unusable, 1);
    EXPECT_EQ(costs_path(), "/home/someone/.cache/sotto/kernel_costs.json");
  }
  ::unsetenv("XDG_CACHE_HOME");
  ::unsetenv("HOME");
  EXPECT_TRUE(costs_path().empty());
}

TEST(CostFigures, AsTextAreTheSameFigures) {
  for (const CostFigures& figures : {kFigures, CostFigures{1, 1e24, 0.1 + 1.2, 1e10 / 3}})
    EXPECT_EQ(parse_cost_figures("--kernel-costs", to_text(figures)), figures);
  EXPECT_FALSE(parse_cost_figures("--kernel-costs", "measured"));
  EXPECT_FALSE(parse_cost_figures("--kernel-costs", "built-in"));
}

TEST(CostFigures, RefuseAnythingElse) {
  for (const char* text : {"", "Measured", "1", "1,2,3", "1,2,3,4,5", "1,2,3,", ",1,2,3", "1,2,3,0", "1,2,-3,4",
                           "1,2,nan,4", "1,2,3,1e25", "1, 2,3,4"}) {
    EXPECT_THROW(parse_cost_figures("--kernel-costs", text), UsageError) << text;
  }
}

}  // namespace
}  // namespace sotto::tools

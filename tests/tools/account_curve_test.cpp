// `sotto account curve`: tables and pictures, against the closed form of the Gaussian mechanism.

#include <gtest/gtest.h>
#include <sotto/privacy/analytic_gaussian.h>
#include <sotto/tools/account_curve.h>
#include <sys/stat.h>

#include <boost/math/distributions/normal.hpp>
#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "account_program.h"

namespace sotto::tools {
namespace {

using testing::content;
using testing::expect_usage_error;
using testing::run_json;
using testing::run_line;

const std::string kGaussian = "account curve --sampler full --noise-multiplier 1 --steps 1 --delta 1e-12 ";

// Type II error of the best test between N(0, 1) and N(1, 1).
double gaussian_trade_off(double type_one_error) {
  const boost::math::normal normal;
  if (type_one_error <= 0) return 1;
  if (type_one_error >= 1) return 0;
  return cdf(normal, quantile(complement(normal, type_one_error)) - 1);
}

TEST(AccountCurve, ProfileIsTheClosedFormOfTheGaussian) {
  const auto curve = run_json(kGaussian);
  ASSERT_EQ(curve.at("epsilon_delta").size(), 60u);
  EXPECT_EQ(curve.at("epsilon_delta").front().at("epsilon"), 0);
  for (const auto& point : curve.at("epsilon_delta")) {
    const double exact = privacy::gaussian_delta(1, point.at("epsilon"));
    EXPECT_LE(point.at("delta_lower").get<double>(), exact * (1 + 1e-12));
    EXPECT_GE(point.at("delta_upper").get<double>(), exact * (1 - 1e-12));
    EXPECT_LE(point.at("delta_upper").get<double>(), exact * (1 + 1e-9));
  }
  EXPECT_NEAR(curve.at("epsilon_delta").back().at("delta_upper").get<double>(), 1e-12, 1e-18);
}

TEST(AccountCurve, TradeOffIsALowerBoundOfTheBestTestsErrorAndCloseToIt) {
  const auto curve = run_json(kGaussian);
  ASSERT_EQ(curve.at("trade_off").size(), 121u);
  for (const auto& point : curve.at("trade_off")) {
    const double exact = gaussian_trade_off(point.at("type_one_error"));
    EXPECT_LE(point.at("type_two_error_lower").get<double>(), exact + 1e-12);
    EXPECT_GE(point.at("type_two_error_lower").get<double>(), exact - 2e-3);
  }
  EXPECT_EQ(curve.at("trade_off").front().at("type_one_error"), 0);
  EXPECT_EQ(curve.at("trade_off").back().at("type_one_error"), 1);
}

TEST(AccountCurve, TypeTwoErrorOfOneGuaranteeIsTheKnownPolygon) {
  const std::vector<ProfilePoint> one = {{.epsilon = std::log(3), .delta = {0, 0.1}}};
  EXPECT_DOUBLE_EQ(type_two_error(one, 0), 0.9);
  EXPECT_DOUBLE_EQ(type_two_error(one, 0.1), 0.6);
  EXPECT_DOUBLE_EQ(type_two_error(one, 0.225), 0.225);  // where both lines meet, on the diagonal
  EXPECT_DOUBLE_EQ(type_two_error(one, 0.6), 0.1);
  EXPECT_DOUBLE_EQ(type_two_error(one, 1), 0);
}

TEST(AccountCurve, WritesTheTableAndThePicture) {
  const sotto::testing::ScratchFolder folder;
  const auto outcome =
      run_line(kGaussian + "--points 30 --output curve.csv --picture curve.svg", folder.path().string());
  ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
  const std::string table = content(folder.path() / "curve.csv"), picture = content(folder.path() / "curve.svg");
  EXPECT_NE(table.find("\ncurve,epsilon,delta_lower,delta_upper,type_one_error,type_two_error\n"), std::string::npos);
  EXPECT_NE(table.find("UNPROVEN"), std::string::npos);
  size_t profile = 0, trade_off = 0, other = 0;
  std::istringstream lines(table);
  for (std::string line; std::getline(lines, line);) {
    if (line.rfind("epsilon-delta,", 0) == 0)
      ++profile;
    else if (line.rfind("trade-off,,,,", 0) == 0)
      ++trade_off;
    else if (line.front() != '#')
      ++other;
  }
  EXPECT_EQ(profile, 30u);
  EXPECT_EQ(trade_off, 61u);
  EXPECT_EQ(other, 1u);
  EXPECT_EQ(picture.rfind("<svg xmlns=\"http://www.w3.org/2000/svg\"", 0), 0u);
  EXPECT_EQ(picture.substr(picture.size() - 7), "</svg>\n");
  for (const char* part :
       {">epsilon<", ">delta<", ">type I error<", ">type II error<", ">Privacy profile<", "UNPROVEN"})
    EXPECT_NE(picture.find(part), std::string::npos) << part;
  for (const char* part : {"nan", "inf\"", "href"}) EXPECT_EQ(picture.find(part), std::string::npos) << part;
  size_t files = 0;
  for (const auto& entry : std::filesystem::directory_iterator(folder.path())) files += entry.is_regular_file() ? 1 : 0;
  EXPECT_EQ(files, 2u) << "a temporary file was left";
}

TEST(AccountCurve, WithoutFilesTheTableIsPrinted) {
  const auto printed = run_line(kGaussian + "--points 5");
  const auto asked = run_line(kGaussian + "--points 5 --csv");
  EXPECT_EQ(printed.out, asked.out);
  EXPECT_NE(printed.out.find("\ntrade-off,"), std::string::npos);
}

TEST(AccountCurve, AFolderThatIsNotThereIsAnInputOutputError) {
  const auto outcome = run_line(kGaussian + "--points 5 --output /nonexistent/curve.csv");
  EXPECT_EQ(outcome.exit_code, 74);
  EXPECT_EQ(outcome.out, "");
  EXPECT_NE(outcome.err.find("/nonexistent/curve.csv"), std::string::npos);
}

TEST(AccountCurve, OnlyFilesAreReplaced) {
  const sotto::testing::ScratchFolder folder;
  const std::string pipe = (folder.path() / "pipe").string();
  ASSERT_EQ(::mkfifo(pipe.c_str(), 0600), 0);
  const auto outcome = run_line(kGaussian + "--points 5 --output " + pipe);
  EXPECT_EQ(outcome.exit_code, 74);
  EXPECT_EQ(outcome.out, "");
  EXPECT_TRUE(std::filesystem::is_fifo(pipe));

  const auto target = folder.path() / "target", link = folder.path() / "link";
  std::ofstream(target) << "old";
  std::filesystem::create_symlink(target, link);
  EXPECT_EQ(run_line(kGaussian + "--points 5 --output " + link.string()).exit_code, 0);
  EXPECT_TRUE(std::filesystem::is_symlink(link));
  EXPECT_GT(std::filesystem::file_size(target), 3u);
}

TEST(AccountCurve, TwoCurvesNeedTwoFiles) {
  expect_usage_error(kGaussian + "--points 5 --output same.svg --picture same.svg",
                     {"--picture", "the file of --output"});
  expect_usage_error(kGaussian + "--points 5 --picture curve.png", {"--picture", "curve.png", ".svg"});
  expect_usage_error(kGaussian + "--points 5 --output=", {"--output"});
}

TEST(AccountCurve, NothingIsAnnouncedBeforeBothFilesAreThere) {
  const sotto::testing::ScratchFolder folder;
  const auto outcome =
      run_line(kGaussian + "--points 5 --output curve.csv --picture /nonexistent/curve.svg", folder.path().string());
  EXPECT_EQ(outcome.exit_code, 74);
  EXPECT_EQ(outcome.out, "");
}

TEST(AccountCurve, ARunWithoutReleasesHasACurveOfZeros) {
  const auto curve =
      run_json("account curve --sampling-rate 0.1 --noise-multiplier 1 --steps 0 --delta 1e-5 --points 5");
  for (const auto& point : curve.at("epsilon_delta")) EXPECT_EQ(point.at("delta_upper"), 0);
  for (const auto& point : curve.at("trade_off"))
    EXPECT_DOUBLE_EQ(point.at("type_two_error_lower").get<double>(), 1 - point.at("type_one_error").get<double>());
}

}  // namespace
}  // namespace sotto::tools

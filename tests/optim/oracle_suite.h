#pragma once
// Every case of a file, in double (1e-10) and float (1e-5), under every strategy that applies.

#include <gtest/gtest.h>

#include <tuple>

#include "oracle_cases.h"

namespace sotto::optim::testing {
namespace {

using OracleParameter = std::tuple<std::pair<std::string, Factory>, Strategy>;

class Oracle : public ::testing::TestWithParam<OracleParameter> {};

TEST_P(Oracle, MatchesAutogradInDouble) {
  torch::manual_seed(1);
  const auto& [of, strategy] = GetParam();
  const Errors errors = compare(of.second(torch::kDouble), {.force_strategy = strategy});
  EXPECT_LT(errors.norm, strategy == Strategy::gram ? 1e-9 : 1e-10);
  EXPECT_LT(errors.weighted, 1e-10);
  EXPECT_TRUE(errors.bounded);
}

TEST_P(Oracle, MatchesAutogradInFloat) {
  torch::manual_seed(2);
  const auto& [of, strategy] = GetParam();
  const Errors errors = compare(of.second(torch::kFloat), {.force_strategy = strategy});
  EXPECT_LT(errors.norm, 1e-5);
  EXPECT_LT(errors.weighted, 1e-5);
  EXPECT_TRUE(errors.bounded);
}

inline auto strategies(const Cases& cases, std::vector<Strategy> of) {
  return ::testing::Combine(
      ::testing::ValuesIn(std::vector<std::pair<std::string, Factory>>(cases.begin(), cases.end())),
      ::testing::ValuesIn(of));
}
inline auto all_strategies(const Cases& cases) {
  return strategies(cases, {Strategy::automatic, Strategy::gram, Strategy::keep, Strategy::drop});
}
// For parameters without a choice of strategies other than to keep rows or to make them again.
inline auto keep_and_drop(const Cases& cases) {
  return strategies(cases, {Strategy::automatic, Strategy::drop});
}

inline std::string case_name(const ::testing::TestParamInfo<OracleParameter>& of) {
  return std::get<0>(of.param).first + "_" + to_string(std::get<1>(of.param));
}

}  // namespace
}  // namespace sotto::optim::testing

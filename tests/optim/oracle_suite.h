#pragma once
// Every case of a file, in double (1e-10) and float (1e-5), under every strategy that applies.

#include <gtest/gtest.h>

#include <tuple>

#include "device_under_test.h"
#include "oracle_cases.h"

namespace sotto::optim::testing {
namespace {

struct NamedCase {
  std::string name;
  Factory make;
};
inline void PrintTo(const NamedCase& of, std::ostream* out) {
  *out << of.name;
}

using OracleParameter = std::tuple<NamedCase, Strategy>;

class Oracle : public ::testing::TestWithParam<OracleParameter> {
 protected:
  void SetUp() override { need_device(); }
};

inline Errors errors_of(const Factory& make, torch::Dtype dtype, Strategy strategy) {
  Model model = make(dtype);
  for (const NamedParameter& parameter : model.parameters) move_in_place(parameter.tensor);
  for (const torch::Tensor& constant : model.constants) move_in_place(constant);
  model.inputs = moved(model.inputs);
  return compare(model, {.force_strategy = strategy, .device = device_under_test()});
}

TEST_P(Oracle, MatchesAutogradInDouble) {
  torch::manual_seed(1);
  const auto& [of, strategy] = GetParam();
  const Errors errors = errors_of(of.make, torch::kDouble, strategy);
  EXPECT_LT(errors.norm, strategy == Strategy::gram ? 1e-9 : 1e-10);
  EXPECT_LT(errors.weighted, 1e-10);
  EXPECT_TRUE(errors.bounded);
}

TEST_P(Oracle, MatchesAutogradInFloat) {
  torch::manual_seed(2);
  const auto& [of, strategy] = GetParam();
  const Errors errors = errors_of(of.make, torch::kFloat, strategy);
  EXPECT_LT(errors.norm, 1e-5);
  EXPECT_LT(errors.weighted, 1e-5);
  EXPECT_TRUE(errors.bounded);
}

inline auto strategies(const Cases& cases, std::vector<Strategy> of) {
  std::vector<NamedCase> named_cases;
  for (const auto& [name, make] : cases) named_cases.push_back({name, make});
  return ::testing::Combine(::testing::ValuesIn(named_cases), ::testing::ValuesIn(of));
}
inline auto all_strategies(const Cases& cases) {
  return strategies(cases, {Strategy::automatic, Strategy::gram, Strategy::keep, Strategy::drop});
}
// For parameters without a choice of strategies other than to keep rows or to make them again.
inline auto keep_and_drop(const Cases& cases) {
  return strategies(cases, {Strategy::automatic, Strategy::drop});
}

inline std::string case_name(const ::testing::TestParamInfo<OracleParameter>& of) {
  return std::get<0>(of.param).name + "_" + to_string(std::get<1>(of.param));
}

}  // namespace
}  // namespace sotto::optim::testing

#pragma once
// Every case of a file, in double (1e-10) and float (1e-5), under every strategy that applies.

#include <gtest/gtest.h>

#include <tuple>

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

class Oracle : public ::testing::TestWithParam<OracleParameter> {};

// The same programs are run with the executor of kernels/sim in a device's place: every case, through a device's table
// of launchers.
inline TapeOptions options_for(Strategy strategy) {
  TapeOptions options{.force_strategy = strategy};
#ifdef SOTTO_CUDA_LIBRARY
  options.device = StepDevice(kernels::open_cuda_backend(SOTTO_CUDA_LIBRARY), at::kCPU);
#endif
  return options;
}

TEST_P(Oracle, MatchesAutogradInDouble) {
  torch::manual_seed(1);
  const auto& [of, strategy] = GetParam();
  const Errors errors = compare(of.make(torch::kDouble), options_for(strategy));
  EXPECT_LT(errors.norm, strategy == Strategy::gram ? 1e-9 : 1e-10);
  EXPECT_LT(errors.weighted, 1e-10);
  EXPECT_TRUE(errors.bounded);
}

TEST_P(Oracle, MatchesAutogradInFloat) {
  torch::manual_seed(2);
  const auto& [of, strategy] = GetParam();
  const Errors errors = compare(of.make(torch::kFloat), options_for(strategy));
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

#pragma once
// A suite for the cases of a file, which oracle_test.cpp compares in double (1e-10) and float (1e-5), under every
// strategy that applies.

#include <gtest/gtest.h>

#include <tuple>

#include "device_under_test.h"
#include "oracle_cases.h"

namespace sotto::optim::testing {

constexpr int64_t kB = kRecords;

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

}  // namespace sotto::optim::testing

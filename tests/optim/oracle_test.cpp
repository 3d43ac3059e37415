// What every case of every oracle_*_test.cpp is asked.

#include <gtest/gtest.h>

#include "oracle_suite.h"

namespace sotto::optim::testing {
namespace {

Errors errors_of(const Factory& make, torch::Dtype dtype, Strategy strategy) {
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

}  // namespace
}  // namespace sotto::optim::testing

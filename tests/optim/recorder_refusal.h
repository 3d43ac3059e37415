#pragma once
// The message with which a model is refused.

#include <gtest/gtest.h>
#include <sotto/privacy/error.h>

#include <initializer_list>
#include <string>
#include <vector>

#include "oracle.h"

namespace sotto::optim::testing {

// The message of the refusal, or "" when the model is accepted.
inline std::string refusal(const Model& model) {
  try {
    Tape tape(model.parameters, model.constants);
    PerRecordGradients gradients = tape.run(model.inputs, model.losses);
    std::vector<torch::Tensor> sums;
    for (const NamedParameter& p : model.parameters) sums.push_back(torch::zeros_like(p.tensor).detach());
    gradients.add_weighted(torch::ones({1, gradients.batch()}), sums);
  } catch (const UsageError& error) {
    return error.what();
  }
  return "";
}

inline ::testing::AssertionResult says(const std::string& message, std::initializer_list<const char*> parts) {
  for (const char* part : parts) {
    if (message.find(part) == std::string::npos) {
      return ::testing::AssertionFailure() << "\"" << message << "\" does not say \"" << part << "\"";
    }
  }
  return ::testing::AssertionSuccess();
}

}  // namespace sotto::optim::testing

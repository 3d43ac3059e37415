#pragma once
// Calls that transfer rules are checked with: every operator that has a rule, with arguments of every kind it takes.

#include <ATen/core/ivalue.h>

#include <cstdint>
#include <string>
#include <vector>

namespace sotto::optim {

inline constexpr int64_t kBatch = 3;  // records; tensors have dimensions of this size, and of multiples of it

struct Case {
  std::string name;  // of an operator of LibTorch, or with its namespace
  std::string overload;
  std::vector<c10::IValue> arguments;  // defaults of the schema follow
  bool random = false;                 // draws from the generator: exchanging records does not exchange what is drawn
};

std::vector<Case> cases();

}  // namespace sotto::optim

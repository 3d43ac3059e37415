#pragma once
// Lines of `sotto plan` that its tests add to, and the numbers of a row that it prints.

#include <nlohmann/json.hpp>
#include <string>

#include "account_program.h"

namespace sotto::tools::testing {

inline const std::string kData = "plan --dataset-size 60000 --parameters 26010 ";
inline const std::string kPlan = kData + "--epsilon 3 --delta 1e-5 ";
inline const std::string kSmall = kPlan + "--batch 2048,16384 --steps 20,100 ";

inline double number(const nlohmann::json& row, const char* key) {
  return row.at(key).get<double>();
}

}  // namespace sotto::tools::testing

#include <fmt/format.h>
#include <sotto/privacy/error.h>
#include <sotto/tools/flag_checks.h>

#include <cmath>

namespace sotto::tools {

void check_choice(const char* flag, const std::string& value, std::initializer_list<const char*> allowed) {
  std::string list;
  for (const char* choice : allowed) {
    if (value == choice) return;
    list += (list.empty() ? "" : ", ") + std::string(choice);
  }
  throw UsageError(fmt::format("[{}] unknown value: '{}'; allowed are {}", flag, value, list));
}

void check_above_zero(const char* flag, double value) {
  if (!(std::isfinite(value) && value > 0))
    throw UsageError(fmt::format("[{}] bad value: {}; must be finite and above 0", flag, value));
}

}  // namespace sotto::tools

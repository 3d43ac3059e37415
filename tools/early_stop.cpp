#include <fmt/format.h>
#include <sotto/privacy/error.h>
#include <sotto/tools/early_stop.h>
#include <sotto/tools/file_text.h>
#include <sotto/tools/learning_curve.h>

#include <nlohmann/json.hpp>
#include <sstream>

namespace sotto::tools {

bool nothing_better(std::span<const double> values, double deviation, std::int64_t patience) {
  if (values.empty()) return false;
  double best = values[0];
  std::int64_t waited = 0;
  for (const double value : values.subspan(1)) {
    const bool better = value > best + deviation;
    if (better) best = value;
    waited = better ? 0 : waited + 1;
    if (waited >= patience) return true;
  }
  return false;
}

std::vector<double> released_accuracies(const std::filesystem::path& metrics) {
  std::istringstream lines(file_text(metrics));
  std::vector<double> result;
  int number = 0;
  for (std::string line; std::getline(lines, line);) {
    ++number;
    if (lines.eof()) break;  // cut by a crash; the next line that is written replaces it
    const auto json = nlohmann::json::parse(line, nullptr, false);
    if (!json.is_object())
      throw DataError(fmt::format("[released_accuracies] {} line {}: must be a JSON object", metrics.string(), number));
    const auto value = json.find(kPrivateAccuracy);
    if (value != json.end() && value->is_number()) result.push_back(value->get<double>());
  }
  return result;
}

}  // namespace sotto::tools

#include <fmt/format.h>
#include <sotto/privacy/error.h>
#include <sotto/tools/numbers.h>
#include <sotto/tools/recomputed_epsilon.h>

#include <algorithm>
#include <limits>

namespace sotto::tools {

std::string RecomputedEpsilon::text() const {
  std::string result;
  for (const EngineEpsilon& engine : engines)
    if (engine.bracket)
      result += fmt::format("{}{} [{}, {}]", result.empty() ? "" : ", ", to_string(engine.method),
                            format_rounded_down(engine.bracket->lower, kShownDigits),
                            format_rounded_up(engine.bracket->upper, kShownDigits));
  return result;
}

RecomputedEpsilon recomputed_epsilon(const privacy::AccountedEvents& events, double delta) {
  RecomputedEpsilon result;
  result.upper = std::numeric_limits<double>::infinity();
  std::optional<privacy::CertifiedBracket> together;
  for (const privacy::Method method : privacy::kMethods) {
    EngineEpsilon engine{.method = method, .bracket = std::nullopt, .reason = ""};
    try {
      engine.bracket = make_accountant(method, events)->epsilon(delta);
      together = together ? combine(*together, method, *engine.bracket)
                          : privacy::CertifiedBracket{*engine.bracket, method, {method}};
    } catch (const UsageError& error) {
      engine.reason = error.what();
    }
    result.engines.push_back(std::move(engine));
  }
  if (!together) throw UsageError("[recomputed_epsilon] no engine has an answer for these events");
  result.lower = together->bracket.lower;
  result.upper = together->bracket.upper;
  return result;
}

}  // namespace sotto::tools

#pragma once
// The figures by which strategies are chosen, as text: of the flag --kernel-costs, of a run's configuration and of the
// file that keeps them (costs_file.h). Those of optim/use_planner.h, which the program does not see: it needs LibTorch.

#include <optional>
#include <string>

namespace sotto::tools {

// In a second: operations of a matrix product, of per-record gradients, of gram_norms, and bytes.
struct CostFigures {
  double product = 0;
  double record_products = 0;
  double gram = 0;
  double bytes = 0;

  bool operator==(const CostFigures&) const = default;
};

inline constexpr const char* kMeasuredCosts = "measured";
inline constexpr const char* kBuiltInCosts = "built-in";
inline constexpr const char* kKernelCostsHelp =
    "How strategies are chosen: by costs measured on this machine, by built-in ones, or by "
    "PRODUCT,GRADIENT,GRAM,BYTES per second";

// Whether all are within 1 .. 1e24: what no machine can do is a mistake or a damaged file.
bool plausible(const CostFigures& figures);

// "1.5e+11,3e+11,3e+11,2e+10"; parse_cost_figures() gives the same figures.
std::string to_text(const CostFigures& figures);

// Nothing for kMeasuredCosts and kBuiltInCosts. Throws UsageError naming `flag` for what is neither these nor four
// plausible numbers.
std::optional<CostFigures> parse_cost_figures(const std::string& flag, const std::string& text);

}  // namespace sotto::tools

#include <fmt/format.h>
#include <sotto/privacy/error.h>
#include <sotto/tools/cost_figures.h>
#include <sotto/tools/numbers.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <string_view>
#include <vector>

namespace sotto::tools {

bool plausible(const CostFigures& figures) {
  constexpr double kMost = 1e24;
  const std::array<double, 4> all = {figures.product, figures.record_products, figures.gram, figures.bytes};
  return std::ranges::all_of(all, [](double value) { return value >= 1 && value <= kMost; });
}

std::string to_text(const CostFigures& figures) {
  const auto shortest = [](double value) {
    std::array<char, 32> text{};
    return std::string(text.data(), std::to_chars(text.begin(), text.end(), value, std::chars_format::scientific).ptr);
  };
  return fmt::format("{},{},{},{}", shortest(figures.product), shortest(figures.record_products),
                     shortest(figures.gram), shortest(figures.bytes));
}

std::optional<CostFigures> parse_cost_figures(const std::string& flag, const std::string& text) {
  if (text == kMeasuredCosts || text == kBuiltInCosts) return std::nullopt;
  std::vector<double> numbers;
  if (text.find(',') != std::string::npos) {
    std::string_view left = text;
    for (size_t comma = 0; comma != std::string_view::npos;) {
      comma = left.find(',');
      numbers.push_back(parse_real(flag, left.substr(0, comma)));
      left.remove_prefix(comma == std::string_view::npos ? left.size() : comma + 1);
    }
  }
  if (numbers.size() == 4) {
    const CostFigures figures{numbers[0], numbers[1], numbers[2], numbers[3]};
    if (plausible(figures)) return figures;
  }
  throw UsageError(fmt::format("[{}] bad value: '{}'; allowed are {}, {} and four numbers from 1 to 1e24 with commas",
                               flag, text, kMeasuredCosts, kBuiltInCosts));
}

}  // namespace sotto::tools

#include <gtest/gtest.h>
#include <sotto/privacy/contour_accountant.h>
#include <sotto/privacy/error.h>

#include <chrono>
#include <cmath>

#include "golden_table.h"

namespace sotto::privacy {
namespace {

Composed events(const GoldenRow& row) {
  Composed result;
  const auto q = row.numbers("q"), sigma = row.numbers("sigma"), steps = row.numbers("T");
  for (std::size_t i = 0; i < std::max({q.size(), sigma.size(), steps.size()}); ++i) {
    const auto at = [i](const std::vector<double>& values) { return values[std::min(i, values.size() - 1)]; };
    result.push_back({{at(q), {at(sigma)}}, static_cast<std::int64_t>(at(steps))});
  }
  return result;
}

TEST(ContourAccountant, BracketsTheGoldenRows) {
  for (const GoldenRow& row : read_golden("golden_composed.csv")) {
    SCOPED_TRACE(row.text("label"));
    const auto start = std::chrono::steady_clock::now();
    try {
      const ContourAccountant accountant(Adjacency::add_remove, events(row));
      for (const auto& [name, direction] : {std::pair{"eps_remove", Direction::remove}, std::pair{"eps_add", Direction::add}}) {
        if (row.text(name).empty()) continue;
        const Bracket found = accountant.epsilon(row.number("delta"), direction);
        const double exact = row.number(name), tolerance = row.number("tol");
        EXPECT_LE(found.lower - tolerance, exact) << name;
        EXPECT_GE(found.upper + tolerance, exact) << name;
        std::printf("%-22s %-10s exact %.12g width %.2e  off %.1e\n", row.text("label").c_str(), name, exact, found.width(), found.upper-exact);
      }
    } catch (const UsageError& error) {
      std::printf("%-22s %s\n", row.text("label").c_str(), error.what());
    }
    std::printf("   %.2f ms\n", std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count() * 1e3);
  }
}

}  // namespace
}  // namespace sotto::privacy

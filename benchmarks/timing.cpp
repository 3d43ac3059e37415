#include <sotto/benchmarks/timing.h>

#include <algorithm>
#include <chrono>
#include <vector>

namespace sotto::benchmarks {
namespace {

using Clock = std::chrono::steady_clock;

double seconds_of(const std::function<void()>& work) {
  const Clock::time_point start = Clock::now();
  work();
  return std::chrono::duration<double>(Clock::now() - start).count();
}

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  const size_t middle = values.size() / 2;
  return values.size() % 2 == 1 ? values[middle] : 0.5 * (values[middle - 1] + values[middle]);
}

}  // namespace

Timing time_runs(const std::function<void()>& work, int largest_runs) {
  constexpr double kEnoughSeconds = 0.5;
  constexpr size_t kFewestRepetitions = 3;
  const double first = seconds_of(work);
  std::vector<double> others;
  double sum = 0;
  while (static_cast<int>(others.size()) + 1 < largest_runs &&
         (sum < kEnoughSeconds || others.size() < kFewestRepetitions)) {
    others.push_back(seconds_of(work));
    sum += others.back();
  }
  return {.first_seconds = first,
          .median_seconds = others.empty() ? first : median(others),
          .fastest_seconds = others.empty() ? first : *std::min_element(others.begin(), others.end()),
          .runs = static_cast<int>(others.size()) + 1};
}

}  // namespace sotto::benchmarks

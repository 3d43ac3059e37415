#pragma once
// The edge of what a target allows, for an epsilon that is monotone in one parameter up to rounding.
//
// Both searches return only values that they evaluated and found good, and evaluate the one returned last of all, so
// that the epsilon reported is that of the value. Infinite and NaN epsilons are bad. Bounded; exceptions pass through.

#include <cstdint>
#include <functional>
#include <optional>

namespace sotto::privacy {

template <typename Value>
struct Edge {
  Value value;
  double epsilon;  // at value; at most the target
};

// A positive parameter, searched on a logarithmic scale.
struct RealSearch {
  std::function<double(double value)> epsilon;
  double target;
  bool falls;          // epsilon falls in the value (noise); otherwise it grows (sampling rate)
  double start;        // within [least, most]
  double least, most;  // when even the bad end of the range is good, it is the answer
  double tolerance;    // of log(value)
  double slack = 0;    // a value that misses the target by less than this is good enough
  // About |d log epsilon / d log value| near `start`: where above 0, and slack too, a few steps along the secant come
  // first, for an epsilon that is costly and no smoother than the slack.
  double steepness = 0;
};
// Nothing when the good end of the range is bad.
std::optional<Edge<double>> find_edge(const RealSearch& search);

// A count, 1 .. most; epsilon grows in it. start within [1, most].
struct CountSearch {
  std::function<double(int64_t count)> epsilon;
  double target;
  int64_t start;
  int64_t most;
};
// Nothing when a count of 1 is bad.
std::optional<Edge<int64_t>> find_edge(const CountSearch& search);

}  // namespace sotto::privacy

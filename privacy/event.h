#pragma once
// What a mechanism did, in the terms an accountant needs: which data sets count as neighbours, and which noisy releases
// were made. Events are plain values; `validate` refuses the ones that mean nothing. A quantity left unset is NaN and
// is refused, so that forgetting a field is an error and never a default.

#include <cstdint>
#include <limits>
#include <string_view>
#include <vector>

namespace sotto::privacy {

// Which pairs of data sets the guarantee makes hard to tell apart. There is no default: epsilon without it means
// nothing.
//   add_remove   one record more or less; the number of records is itself secret
//   zero_out     one record replaced by a null record; the number of records is public; same numbers as add_remove
//   replace_one  one record replaced by another; the number of records is public; sensitivity is twice the clip norm
enum class Adjacency { add_remove, zero_out, replace_one };

// "add-remove", "zero-out", "replace-one".
std::string_view to_string(Adjacency adjacency);
// Inverse of to_string. Throws UsageError naming the text got and the three that are allowed.
Adjacency parse_adjacency(std::string_view text);

// Largest step count: integers up to 2^53 are exact in a double.
inline constexpr int64_t kMaxCount = int64_t{1} << 53;

// A sum of contributions of norm at most C, released with normal noise of standard deviation noise_multiplier * C in
// every coordinate. noise_multiplier: finite, >= 0; 0 is accepted and accounted as epsilon = infinity.
struct Gaussian {
  double noise_multiplier = std::numeric_limits<double>::quiet_NaN();
};

// `mechanism` applied to a batch that every record enters independently with probability sampling_rate, in [0, 1].
struct PoissonSampled {
  double sampling_rate = std::numeric_limits<double>::quiet_NaN();
  Gaussian mechanism;
};

// `event` released `count` times, each with fresh sampling and noise. count: 0 .. 2^53.
struct SelfComposed {
  PoissonSampled event;
  int64_t count = -1;
};

// Releases made one after the other, in any order. Empty: nothing was released.
using Composed = std::vector<SelfComposed>;

// Throw UsageError when a value lies outside the range stated above.
void validate(const Gaussian& event);
void validate(const PoissonSampled& event);
void validate(const SelfComposed& event);
void validate(const Composed& events);

}  // namespace sotto::privacy

#include <sotto/privacy/exact_draws.h>

namespace sotto::privacy {

// The next digit of n / d is 1 where 2 n >= d; nothing here is above d. n = d is the number 0.111...
std::optional<bool> compare_digits(std::uint32_t w, WideUnsigned& n, WideUnsigned d) {
  for (int place = 15; place >= 0; --place) {
    const bool drawn = (w >> place & 1) != 0;
    const bool one = n >= d - n;
    n = one ? n - (d - n) : n + n;
    if (one != drawn) return one;
  }
  return std::nullopt;
}

bool ExactDraws::settle(std::uint32_t w, WideUnsigned n, WideUnsigned d) {
  for (;; w = digit())
    if (const auto below = compare_digits(w, n, d)) return *below;
}

}  // namespace sotto::privacy

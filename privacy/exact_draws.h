#pragma once
// Random choices whose probabilities are exact: uniform integers, and coins that fall with a rational probability or
// with exp(-gamma), gamma rational. No floating-point number takes part, and no probability is rounded.
//
// A coin of probability n / d compares n / d with a number U, uniform in [0, 1), whose binary digits are drawn 16 at a
// time and only until the comparison is decided; that takes one draw but for a few in 2^16. A coin of probability
// exp(-gamma), 0 <= gamma <= 1, counts K = 1, 2, ... while coins of probability gamma / K succeed, and says yes when K
// is odd at the first failure, since P(K > k) = gamma^k / k! (Canonne, Kamath, Steinke, The Discrete Gaussian for
// Differential Privacy, NeurIPS 2020, algorithm 1). A coin of gamma / K is one of gamma and one of 1 / K, both.
//
// Exact means: of independent fair bits, which RandomStream stands for. How long a draw takes depends on what is drawn.

#include <sotto/privacy/random_stream.h>

#include <bit>
#include <cstdint>
#include <optional>
#include <utility>

namespace sotto::privacy {

__extension__ using WideUnsigned = unsigned __int128;
__extension__ using WideInteger = __int128;

// d of probabilities n / d, 1 <= d < 2^127, and what comparisons with many n have in common: d, moved left or right to
// 47 digits. A move to the right cuts digits off, so that the quotient of two moved numbers is below the true one when
// 1 is added to d, and above it when 1 is added to n.
class Denominator {
 public:
  explicit constexpr Denominator(WideUnsigned value)
      : value_(value), shift_(width(value) - kDigits), moved_(move(value)), cut_(shift_ > 0 ? 1 : 0) {}

  constexpr WideUnsigned value() const { return value_; }
  // Whether all u in [w, w + 1) / 2^16 are below n / d, w < 2^16, 0 <= n <= d; false also where this is not seen from
  // 47 digits. Every product is at most 2^16 2^47 = 2^63.
  constexpr bool surely_below(std::uint64_t w, WideUnsigned n) const {
    return (w + 1) * (moved_ + cut_) <= move(n) << 16;
  }
  // Whether none of them is.
  constexpr bool surely_not_below(std::uint64_t w, WideUnsigned n) const {
    return w * moved_ >= (move(n) + cut_) << 16;
  }

 private:
  static constexpr int kDigits = 47;
  static constexpr int width(WideUnsigned value) {
    const auto high = static_cast<std::uint64_t>(value >> 64);
    return high != 0 ? 64 + static_cast<int>(std::bit_width(high))
                     : static_cast<int>(std::bit_width(static_cast<std::uint64_t>(value)));
  }
  constexpr std::uint64_t move(WideUnsigned value) const {
    return static_cast<std::uint64_t>(shift_ > 0 ? value >> shift_ : value << -shift_);
  }

  WideUnsigned value_;
  int shift_;
  std::uint64_t moved_;
  std::uint64_t cut_;
};

// Whether numbers whose first 16 binary digits are those of w < 2^16 are below n / d, 0 <= n <= d < 2^127, digit by
// digit; nothing where these digits do not tell, and then n becomes n 2^16 - w d, which the next digits are to be
// compared with.
std::optional<bool> compare_digits(std::uint32_t w, WideUnsigned& n, WideUnsigned d);

// Not thread-safe.
class ExactDraws {
 public:
  explicit ExactDraws(RandomStream stream) : stream_(std::move(stream)) {}

  // Forgets bits that were drawn and not used, so that the next draw asks the stream, which refuses forked children.
  void begin() { digits_left_ = bits_left_ = 0; }

  bool fair_bit() {
    if (bits_left_ == 0) {
      bits_ = stream_.next_u64();
      bits_left_ = 64;
    }
    const bool bit = (bits_ & 1) != 0;
    bits_ >>= 1;
    --bits_left_;
    return bit;
  }
  // 0 .. 2^16 - 1
  std::uint32_t digit() {
    if (digits_left_ == 0) {
      digits_ = stream_.next_u64();
      digits_left_ = 4;
    }
    const auto digit = static_cast<std::uint32_t>(digits_ & 0xffff);
    digits_ >>= 16;
    --digits_left_;
    return digit;
  }
  // Each of 0 .. n - 1 with probability 1 / n, n >= 1: of the 2^32 values that two digits have, 2^32 mod n are drawn
  // again (Lemire, Fast Random Integer Generation in an Interval, ACM TOMACS 2019).
  std::uint32_t below(std::uint32_t n) {
    std::uint64_t product = two_digits() * n;
    if (static_cast<std::uint32_t>(product) < n) {
      const std::uint32_t again = (0u - n) % n;
      while (static_cast<std::uint32_t>(product) < again) product = two_digits() * n;
    }
    return static_cast<std::uint32_t>(product >> 32);
  }

  // True with probability n / d, 0 <= n <= d.
  bool coin(WideUnsigned n, const Denominator& d) {
    const std::uint32_t w = digit();
    if (d.surely_below(w, n)) return true;
    if (d.surely_not_below(w, n)) return false;
    return settle(w, n, d.value());
  }
  // True with probability exp(-n / d), 0 <= n <= d.
  bool exp_coin(WideUnsigned n, const Denominator& d) {
    std::uint32_t k = 1;
    while (one_in(k) && coin(n, d)) ++k;
    return k % 2 == 1;
  }
  // True with probability exp(-1).
  bool exp_one_coin() {
    std::uint32_t k = 2;
    while (one_in(k)) ++k;
    return k % 2 == 1;
  }
  // True with probability exp(-(whole + n / d)), 0 <= n <= d: the product of exp(-1), `whole` times, and exp(-n / d).
  bool exp_coin(WideUnsigned whole, WideUnsigned n, const Denominator& d) {
    for (; whole > 0; --whole)
      if (!exp_one_coin()) return false;
    return exp_coin(n, d);
  }

 private:
  std::uint64_t two_digits() {
    const std::uint64_t high = digit();
    return high << 16 | digit();
  }
  bool one_in(std::uint32_t k) { return k == 1 || (k == 2 ? fair_bit() : below(k) == 0); }
  // The rest of coin(): w holds the next 16 digits of U.
  bool settle(std::uint32_t w, WideUnsigned n, WideUnsigned d);

  RandomStream stream_;
  std::uint64_t digits_ = 0, bits_ = 0;
  int digits_left_ = 0, bits_left_ = 0;
};

}  // namespace sotto::privacy

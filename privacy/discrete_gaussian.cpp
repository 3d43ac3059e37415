#include <fmt/format.h>
#include <sotto/privacy/discrete_gaussian.h>
#include <sotto/privacy/error.h>

#include <utility>

namespace sotto::privacy {
namespace {

std::uint64_t checked(std::uint64_t variance) {
  if (variance < 1 || variance > DiscreteGaussian::kLargestVariance)
    throw UsageError(
        fmt::format("[DiscreteGaussian] bad variance: {}; allowed is an integer from 1 to 2^62", variance));
  return variance;
}

// floor(sqrt(variance)) + 1, variance <= 2^62: the largest root, from its highest bit down.
std::uint32_t scale_of(std::uint64_t variance) {
  std::uint64_t root = 0;
  for (int place = 31; place >= 0; --place) {
    const std::uint64_t larger = root | std::uint64_t{1} << place;
    if (larger * larger <= variance) root = larger;
  }
  return static_cast<std::uint32_t>(root + 1);
}

}  // namespace

DiscreteGaussian::DiscreteGaussian(std::uint64_t variance, RandomStream stream)
    : variance_(checked(variance)),
      scale_(scale_of(variance)),
      centre_(variance / scale_),
      offset_(variance % scale_),
      laplace_(scale_),
      gaussian_(WideUnsigned{2} * variance * scale_ * scale_),
      draws_(std::move(stream)) {}

std::int64_t DiscreteGaussian::sample() {
  draws_.begin();
  return draw();
}

void DiscreteGaussian::add_to(std::span<std::int64_t> sums) {
  draws_.begin();
  for (std::int64_t& sum : sums)
    if (__builtin_add_overflow(sum, draw(), &sum))
      throw UsageError("[DiscreteGaussian] a sum and its noise leave 64 bits; allowed are sums below 2^62 in size");
}

std::int64_t DiscreteGaussian::draw() {
  for (;;) {
    const std::uint32_t rest = draws_.below(scale_);
    if (!draws_.exp_coin(rest, laplace_)) continue;
    std::uint64_t scales = 0;
    while (draws_.exp_one_coin()) ++scales;
    SOTTO_ASSERT(scales < kMostScales);
    const std::uint64_t magnitude = rest + scale_ * scales;
    const bool negative = draws_.fair_bit();
    if (negative && magnitude == 0) continue;
    const Exponent gamma = exponent(magnitude);
    if (!draws_.exp_coin(gamma.whole, gamma.numerator, gaussian_)) continue;
    const auto value = static_cast<std::int64_t>(magnitude);
    return negative ? -value : value;
  }
}

DiscreteGaussian::Exponent DiscreteGaussian::exponent(std::uint64_t magnitude) const {
  const std::int64_t z = static_cast<std::int64_t>(magnitude) - static_cast<std::int64_t>(centre_);
  const std::uint64_t distance = z < 0 ? static_cast<std::uint64_t>(-z) : static_cast<std::uint64_t>(z);
  const WideUnsigned square = WideUnsigned{distance} * distance;
  const std::uint64_t twice = 2 * variance_;
  // Nearly always; a division of 128 bits takes as long as the rest.
  const bool narrow = square >> 64 == 0;
  WideUnsigned whole = narrow ? static_cast<std::uint64_t>(square) / twice : square / twice;
  const auto rest = static_cast<std::uint64_t>(square - whole * twice);
  const WideInteger linear = WideInteger{z} * static_cast<WideInteger>(WideUnsigned{2} * offset_ * scale_);
  const auto denominator = static_cast<WideInteger>(gaussian_.value());
  WideInteger numerator =
      static_cast<WideInteger>(WideUnsigned{rest} * scale_ * scale_ + WideUnsigned{offset_} * offset_) - linear;
  for (; numerator < 0; numerator += denominator) --whole;
  for (; numerator > denominator; numerator -= denominator) ++whole;
  return {whole, static_cast<WideUnsigned>(numerator)};
}

}  // namespace sotto::privacy

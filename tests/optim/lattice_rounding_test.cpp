// The norm of a rounded contribution is at most D in integers, whatever goes in.

#include <gtest/gtest.h>
#include <sotto/optim/lattice_rounding.h>
#include <sotto/privacy/plan.h>

#include <cmath>
#include <limits>
#include <random>
#include <vector>

namespace sotto::optim {
namespace {

__extension__ using WideSquare = unsigned __int128;
constexpr WideSquare kLargest = WideSquare{1} << 44;  // D^2
constexpr double kInfinite = std::numeric_limits<double>::infinity();

struct RoundedRecord {
  std::vector<std::int64_t> integers;
  std::uint64_t stated;
};

RoundedRecord rounded_record(const std::vector<double>& values, double bound) {
  RoundedRecord result{std::vector<std::int64_t>(values.size(), 77), 0};
  result.stated = round_to_lattice(values, bound, result.integers);
  return result;
}

// From the definition: each square by itself, in 128 bits.
WideSquare square_of(const std::vector<std::int64_t>& integers) {
  WideSquare sum = 0;
  for (const std::int64_t x : integers) {
    const WideSquare size = static_cast<WideSquare>(x < 0 ? -x : x);
    sum += size * size;
  }
  return sum;
}

void expect_within(const std::vector<double>& values, double bound, const char* what) {
  const RoundedRecord found = rounded_record(values, bound);
  EXPECT_TRUE(square_of(found.integers) <= kLargest) << what;
  EXPECT_TRUE(square_of(found.integers) == found.stated) << what;
}

TEST(LatticeRounding, TheLatticeIsTheOneThatIsDocumented) {
  EXPECT_EQ(privacy::kLatticeNorm, std::uint64_t{1} << 22);
}

// With a bound that is a power of two the scaling is exact, and each integer is known.
TEST(LatticeRounding, TakesEveryCoordinateTowardsZero) {
  std::mt19937_64 random(1);
  std::normal_distribution<double> normal;
  std::vector<double> values(1000);
  for (double& value : values) value = normal(random) / 100;
  const RoundedRecord found = rounded_record(values, 8);
  for (std::size_t j = 0; j < values.size(); ++j)
    EXPECT_EQ(found.integers[j], static_cast<std::int64_t>(std::trunc(std::ldexp(values[j], 19)))) << values[j];
}

TEST(LatticeRounding, NormIsBoundedForEveryKindOfRecord) {
  std::mt19937_64 random(2);
  std::normal_distribution<double> normal;
  for (const double bound : {1e-20, 0.3, 1.0, 7.5, 1e20}) {
    expect_within({bound}, bound, "one entry of the whole norm");
    expect_within({-bound}, bound, "one negative entry of the whole norm");
    expect_within({std::nextafter(bound, kInfinite)}, bound, "a little too much");
    for (const int entries : {2, 3, 1000, 100'003})
      for (const double excess : {1.0, 1 + 1e-7, 1.5, 2.0, 100.0})
        expect_within(std::vector<double>(static_cast<std::size_t>(entries),
                                          bound * excess / std::sqrt(static_cast<double>(entries))),
                      bound, "many equal entries");
    std::vector<double> values(5000);
    for (const double norm : {0.1, 1.0, 1.0000001, 3.0, 400.0}) {
      double sum = 0;
      for (double& value : values) value = normal(random), sum += value * value;
      for (double& value : values) value *= bound * norm / std::sqrt(sum);
      expect_within(values, bound, "any direction");
    }
    expect_within({bound, bound * 1e-9, -bound * 0.5, 5e-324, -5e-324, 0.0, -0.0}, bound, "denormal entries");
  }
}

// Entries so large that the rule cannot have been applied, and entries that are no numbers: the record is left out.
TEST(LatticeRounding, LeavesOutWhatIsNotFiniteOrFarTooLarge) {
  const double nan = std::numeric_limits<double>::quiet_NaN(), most = std::numeric_limits<double>::max();
  for (const double bad : {nan, -nan, kInfinite, -kInfinite, most, -most, 1e9, -1e9}) {
    const RoundedRecord found = rounded_record({0.5, bad, -0.25}, 1);
    EXPECT_EQ(found.integers, std::vector<std::int64_t>(3, 0)) << bad;
    EXPECT_EQ(found.stated, 0u);
  }
  expect_within({511, 511, -511}, 1, "the largest that is still shrunk");
}

TEST(LatticeRounding, ShrinkingKeepsTheDirectionAndNearlyTheNorm) {
  const RoundedRecord found = rounded_record({3, -4}, 1);
  const double first = static_cast<double>(found.integers[0]), second = static_cast<double>(found.integers[1]);
  EXPECT_NEAR(first / second, -0.75, 1e-6);
  EXPECT_NEAR(std::hypot(first, second), std::ldexp(1.0, 22), 3);
}

TEST(LatticeRounding, NothingIsAVectorToo) {
  EXPECT_EQ(rounded_record({}, 1).stated, 0u);
  EXPECT_EQ(rounded_record({0, -0.0, 1e-7}, 1).integers, std::vector<std::int64_t>(3, 0));
}

}  // namespace
}  // namespace sotto::optim

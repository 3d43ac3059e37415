#include <gtest/gtest.h>
#include <sotto/kernels/chacha20.h>
#include <sotto/kernels/gaussian_noise.h>
#include <sotto/kernels/noise_kernels.h>

#include <cmath>
#include <limits>
#include <random>
#include <thread>
#include <vector>

// The transform itself, to reach inputs that no key is known to produce.
#define SOTTO_LANE_BYTES 16
#include <sotto/kernels/gaussian_noise_lanes.h>

namespace sotto::kernels {
namespace {

using Key = std::array<std::uint32_t, 8>;
constexpr Key kKey = {0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344, 0xa4093822, 0x299f31d0, 0x082efa98, 0xec4e6c89};

struct Pair {
  long double first, second, radius;
};

// The header's bound on |z - z_exact|.
double error_bound(long double radius) {
  return radius > 0 ? 4 * 0x1p-53 * static_cast<double>(radius + 1 / radius) : 0;
}

// The header's formula in long double, straight from the two integers.
Pair exact_pair(std::uint64_t x, std::uint64_t y) {
  const long double extension = static_cast<long double>(((y >> 2) & 0x7ff) + 1) * 0x1p-11L;
  const long double u = (static_cast<long double>(x) + extension) * 0x1p-64L;
  const long double radius = std::sqrt(-2 * std::log(u));
  const auto k = static_cast<long double>(y >> 13);
  const long double angle = std::acos(-1.0L) / 2 * (k * 0x1p-51L - 0.5L + 0x1p-52L);
  const long double c = (y & 2) ? -std::cos(angle) : std::cos(angle), s = std::sin(angle);
  if (y & 1) return {radius * s, radius * c, radius};
  return {radius * c, radius * s, radius};
}

Pair exact_pair(const Key& key, NoiseCounter counter, std::uint64_t block, int pair) {
  const std::uint32_t words[4] = {static_cast<std::uint32_t>(block), static_cast<std::uint32_t>(block >> 32),
                                  counter.tensor, counter.step};
  const ChaChaBlock out = chacha20_block(key.data(), words);
  const std::uint32_t* w = out.word + 4 * pair;
  return exact_pair(w[0] | std::uint64_t{w[1]} << 32, w[2] | std::uint64_t{w[3]} << 32);
}

template <class T>
void add(const detail::NoiseKernels& kernel, NoiseCounter counter, std::uint64_t first, std::size_t count,
         double stddev, T* out) {
  if constexpr (sizeof(T) == sizeof(float))
    kernel.add_float(kKey.data(), counter, first, count, stddev, out);
  else
    kernel.add_double(kKey.data(), counter, first, count, stddev, out);
}

template <class T>
std::vector<T> draw(NoiseCounter counter, std::uint64_t first, std::size_t count, double stddev = 1) {
  std::vector<T> out(count);
  add_gaussian_noise(kKey, counter, first, count, stddev, out.data());
  return out;
}

void expect_matches_definition(NoiseCounter counter, std::uint64_t first_block, std::size_t blocks) {
  for (const auto& kernel : detail::supported_noise_kernels()) {
    std::vector<double> z(8 * blocks);
    add(kernel, counter, 8 * first_block, z.size(), 1.0, z.data());
    for (std::size_t b = 0; b < blocks; ++b)
      for (int p = 0; p < 4; ++p) {
        const Pair exact = exact_pair(kKey, counter, first_block + b, p);
        const double bound = error_bound(exact.radius);
        ASSERT_NEAR(static_cast<double>(z[8 * b + 2 * p] - exact.first), 0, bound) << kernel.name << " block " << b;
        ASSERT_NEAR(static_cast<double>(z[8 * b + 2 * p + 1] - exact.second), 0, bound)
            << kernel.name << " block " << b;
      }
  }
}

TEST(GaussianNoise, MatchesItsDefinitionOnEveryInstructionSet) {
  expect_matches_definition({3, 5}, 0, 20000);
}

TEST(GaussianNoise, BlockIndexCarriesPast32Bits) {
  for (std::uint64_t before : {0u, 1u, 3u, 7u, 15u, 20u})
    expect_matches_definition({1, 2}, (std::uint64_t{1} << 32) - before, 40);
  expect_matches_definition({0xffffffff, 0xfffffffe}, (std::uint64_t{1} << 61) - 64, 40);
}

TEST(GaussianNoise, TransformIsAccurateAtTheEdgesOfTheIntegers) {
  std::mt19937_64 generator(2);
  std::vector<std::uint64_t> interesting = {0,
                                            1,
                                            2,
                                            3,
                                            0x1ffc,
                                            0xffffffffffffffff,
                                            0xfffffffffffffffe,
                                            0x8000000000000000,
                                            0x7fffffffffffffff,
                                            0xb504f333f9de6484,
                                            0xb504f333f9de6485,
                                            0xfffffffffffff000,
                                            0xfffffffffffff800,
                                            0xffffffff,
                                            0x100000000,
                                            0x1fff,
                                            0x2000,
                                            0x3fff};
  for (int shift = 0; shift < 64; ++shift) {
    interesting.push_back(generator() >> shift);
    interesting.push_back(std::uint64_t{1} << shift);
    interesting.push_back(~(generator() >> shift));
  }
  for (std::uint64_t x : interesting)
    for (std::uint64_t y : interesting) {
      Real first, second;
      normal_pair(Long{} + x, Long{} + y, 1.0, first, second);
      const Pair exact = exact_pair(x, y);
      const double bound = error_bound(exact.radius);
      ASSERT_NEAR(static_cast<double>(first[0] - exact.first), 0, bound) << std::hex << x << " " << y;
      ASSERT_NEAR(static_cast<double>(second[0] - exact.second), 0, bound) << std::hex << x << " " << y;
    }
}

TEST(GaussianNoise, RadiusEndsWhereTheMissingMassSays) {
  Real first, second;
  // The smallest u has X = 0, E = 0; the middle angle makes the cosine 1.
  normal_pair(Long{}, Long{} + (std::uint64_t{1} << 63), 1.0, first, second);
  EXPECT_NEAR(first[0], std::sqrt(2 * 75 * std::log(2.0)), 1e-14);
  const double per_pair = std::exp(-first[0] * first[0] / 2);
  EXPECT_NEAR(missing_tail_mass() / (per_pair / 2), 1, 1e-10);
}

TEST(GaussianNoise, AllInstructionSetsGiveTheSameBits) {
  const auto kernels = detail::supported_noise_kernels();
  ASSERT_STREQ(kernels.back().name, "baseline");
  const std::size_t count = 100003;
  std::vector<float> expected(count, 0.25f);
  std::vector<double> expected_double(count, 0.25);
  add(kernels.back(), {7, 9}, 13, count, 1.7, expected.data());
  add(kernels.back(), {7, 9}, 13, count, 1.7, expected_double.data());
  for (const auto& kernel : kernels) {
    std::vector<float> single(count, 0.25f);
    std::vector<double> wide(count, 0.25);
    add(kernel, {7, 9}, 13, count, 1.7, single.data());
    add(kernel, {7, 9}, 13, count, 1.7, wide.data());
    EXPECT_EQ(single, expected) << kernel.name;
    EXPECT_EQ(wide, expected_double) << kernel.name;
  }
}

template <class T>
void expect_split_invariance() {
  const std::size_t total = 3001;
  for (const auto& kernel : detail::supported_noise_kernels()) {
    std::vector<T> whole(total);
    add(kernel, {1, 1}, 0, total, 2.5, whole.data());
    std::mt19937 generator(3);
    for (std::size_t largest : {1u, 7u, 8u, 9u, 64u, 127u, 129u, 700u}) {
      std::vector<T> parts(total);
      for (std::size_t start = 0; start < total;) {
        const std::size_t count = std::min<std::size_t>(generator() % (largest + 1), total - start);
        add(kernel, {1, 1}, start, count, 2.5, parts.data() + start);
        start += count;
      }
      ASSERT_EQ(parts, whole) << kernel.name << ", pieces up to " << largest;
    }
  }
}
TEST(GaussianNoise, DrawsDoNotDependOnTheSplitFloat) {
  expect_split_invariance<float>();
}
TEST(GaussianNoise, DrawsDoNotDependOnTheSplitDouble) {
  expect_split_invariance<double>();
}

TEST(GaussianNoise, ThreadsMayFillDisjointRanges) {
  const std::size_t total = 40000, part = 9999;
  const auto whole = draw<float>({4, 2}, 0, total);
  std::vector<float> out(total);
  std::vector<std::thread> threads;
  for (std::size_t start = 0; start < total; start += part)
    threads.emplace_back([&, start] {
      add_gaussian_noise(kKey, {4, 2}, start, std::min(part, total - start), 1.0, out.data() + start);
    });
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(out, whole);
}

TEST(GaussianNoise, WritesNothingOutsideItsRange) {
  for (std::size_t count = 0; count <= 300; ++count)
    for (std::uint64_t first : {0u, 1u, 7u, 8u, 1000003u}) {
      std::vector<float> out(count + 32, 100.0f);
      add_gaussian_noise(kKey, {0, 0}, first, count, 1.0, out.data() + 16);
      for (std::size_t i = 0; i < out.size(); ++i)
        ASSERT_EQ(out[i] == 100.0f, i < 16 || i >= 16 + count) << "count " << count << " index " << i;
    }
}

TEST(GaussianNoise, AddsTheRoundedProductToWhatIsThere) {
  const auto z = draw<double>({5, 6}, 3, 1000);
  const auto noise = draw<double>({5, 6}, 3, 1000, 0.5);  // scaling by a power of two is exact
  std::vector<float> out(1000, 3.0f);
  add_gaussian_noise(kKey, {5, 6}, 3, 1000, 0.5, out.data());
  for (std::size_t i = 0; i < z.size(); ++i) {
    ASSERT_EQ(noise[i], 0.5 * z[i]);
    ASSERT_EQ(out[i], 3.0f + static_cast<float>(noise[i]));
  }
}

TEST(GaussianNoise, ZeroStddevAddsNothing) {
  std::vector<float> out(100, 1.5f);
  add_gaussian_noise(kKey, {0, 0}, 0, out.size(), 0.0, out.data());
  EXPECT_EQ(out, std::vector<float>(100, 1.5f));
}

// Every (step, tensor, block) must have its own counter. Two equal 64-bit patterns among these 2.4e5 double draws would
// have probability below 1e-5 by chance; a shared counter word makes thousands.
TEST(GaussianNoise, CountersDoNotOverlapAcrossStepsTensorsAndBlocks) {
  std::vector<double> all;
  for (std::uint32_t step : {0u, 1u, 2u, 256u, 65536u, 0x80000000u, 0xffffffffu})
    for (std::uint32_t tensor : {0u, 1u, 2u, 256u, 65536u, 0x80000000u, 0xffffffffu})
      for (std::uint64_t block : {std::uint64_t{0}, std::uint64_t{1} << 8, std::uint64_t{1} << 31,
                                  std::uint64_t{1} << 32, (std::uint64_t{1} << 32) + 256, std::uint64_t{1} << 60}) {
        const auto z = draw<double>({step, tensor}, 8 * block, 800);
        all.insert(all.end(), z.begin(), z.end());
      }
  std::sort(all.begin(), all.end());
  EXPECT_EQ(std::adjacent_find(all.begin(), all.end()), all.end());
}

TEST(GaussianNoise, RefusesInvalidArguments) {
  std::vector<float> out(4, 1.0f);
  const double nan = std::numeric_limits<double>::quiet_NaN(), infinity = std::numeric_limits<double>::infinity();
  for (double stddev : {-1.0, -1e-300, nan, infinity, -infinity})
    EXPECT_THROW(add_gaussian_noise(kKey, {0, 0}, 0, 4, stddev, out.data()), std::invalid_argument) << stddev;
  EXPECT_THROW(add_gaussian_noise(kKey, {0, 0}, ~std::uint64_t{0} - 2, 4, 1.0, out.data()), std::invalid_argument);
  EXPECT_EQ(out, std::vector<float>(4, 1.0f));
}

}  // namespace
}  // namespace sotto::kernels

// How fast discrete Gaussian noise is drawn, on one thread: nanoseconds a sample and samples per second for variances
// from 1 to 2^62. The seed is fixed.

#include <fmt/format.h>
#include <sotto/benchmarks/timing.h>
#include <sotto/privacy/discrete_gaussian.h>

#include <cstdint>
#include <vector>

int main() {
  using sotto::privacy::DiscreteGaussian, sotto::privacy::RandomStream, sotto::privacy::SecretKey;
  constexpr std::size_t kSamples = 1 << 18;
  for (const int power : {0, 2, 10, 20, 40, 62}) {
    DiscreteGaussian noise(std::uint64_t{1} << power, RandomStream(SecretKey::insecure_for_tests(1), "benchmark"));
    std::vector<std::int64_t> sums(kSamples);
    const double seconds = sotto::benchmarks::time_runs([&] { noise.add_to(sums); }, 20).fastest_seconds;
    fmt::print("variance 2^{:<3} {:6.1f} ns a sample, {:5.1f} million samples per second\n", power,
               1e9 * seconds / kSamples, kSamples / seconds / 1e6);
    for (std::int64_t& sum : sums) sum = 0;
  }
}

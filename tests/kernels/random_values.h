#pragma once
// Normal numbers for the tests of kernels, the same in every run.

#include <cstddef>
#include <cstdint>
#include <random>
#include <vector>

namespace sotto::kernels::testing {

template <class T>
class RandomValues {
 public:
  explicit RandomValues(std::uint64_t seed) : generator_(seed) {}

  std::vector<T> operator()(std::size_t count) {
    std::normal_distribution<T> normal;
    std::vector<T> values(count);
    for (T& value : values) value = normal(generator_);
    return values;
  }

 private:
  std::mt19937_64 generator_;
};

}  // namespace sotto::kernels::testing

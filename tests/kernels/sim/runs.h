#pragma once
// What every kernel is run under: orders of threads, sizes of blocks, memory of exactly the size it may touch.

#include <gtest/gtest.h>
#include <sotto/kernels/launch.h>

#include <algorithm>
#include <cstring>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

namespace sotto::kernels::testing {

using sim::Schedule;

inline std::vector<Schedule> schedules() {
  return {{Schedule::Order::forward},
          {Schedule::Order::reverse},
          {Schedule::Order::shuffled, 1},
          {Schedule::Order::shuffled, 2}};
}

// A switch costs ThreadSanitizer of g++ 50 microseconds: it sees races in a few small runs as well as in many. That of
// clang 14 overlooks those in blocks of more than 128 threads.
#if SOTTO_SIM_TSAN
inline constexpr bool kThorough = false;
#else
inline constexpr bool kThorough = true;
#endif

inline std::vector<unsigned> block_sizes() {
  return kThorough ? std::vector<unsigned>{32, 64, 96, 128, 256, 1024} : std::vector<unsigned>{64};
}

// The sizes to try: all, or the few `with_races`.
inline std::vector<std::size_t> sizes(std::vector<std::size_t> all, std::vector<std::size_t> with_races) {
  return kThorough ? std::move(all) : std::move(with_races);
}

// A copy on the heap that ends where its elements do: AddressSanitizer sees what lies beyond.
template <class T>
class Exact {
 public:
  explicit Exact(const std::vector<T>& values) : values_(new T[values.size()]), size_(values.size()) {
    std::copy(values.begin(), values.end(), values_.get());
  }
  T* get() const { return values_.get(); }
  std::vector<T> to_vector() const { return {values_.get(), values_.get() + size_}; }

 private:
  std::unique_ptr<T[]> values_;
  size_t size_;
};

// Calls `run` under every schedule with every size of a block, and returns what all of them returned, which must be the
// same bits: an EXPECT fails otherwise.
template <class Result>
Result same_under_all(const std::function<Result(unsigned block)>& run) {
  const Result first = run(block_sizes()[0]);
  for (const unsigned block : block_sizes()) {
    for (const Schedule schedule : schedules()) {
      const sim::WithSchedule with(schedule);
      const Result again = run(block);
      EXPECT_EQ(again.size(), first.size());
      if (first.empty()) continue;
      EXPECT_EQ(std::memcmp(again.data(), first.data(), first.size() * sizeof(first[0])), 0)
          << "blocks of " << block << " threads, order " << static_cast<int>(schedule.order) << ", seed "
          << schedule.seed;
    }
  }
  return first;
}

}  // namespace sotto::kernels::testing

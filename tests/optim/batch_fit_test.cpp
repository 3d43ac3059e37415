// The physical batch that a budget of memory has room for.

#include <gtest/gtest.h>
#include <sotto/optim/batch_fit.h>

#include <string>
#include <vector>

namespace sotto::optim {
namespace {

struct Found {
  BatchFit fit;
  std::vector<int64_t> tried;
};

template <class Bytes>
Found find(int64_t budget, int64_t largest, const Bytes& bytes) {
  Found found;
  found.fit = largest_batch_within(budget, largest, [&](int64_t batch) {
    found.tried.push_back(batch);
    return bytes(batch);
  });
  return found;
}

TEST(BatchFit, IsExactWhereBytesAreLinearAndTriesNothingLarger) {
  for (const int64_t fixed : {0, 7, 100'000}) {
    for (const int64_t each : {1, 3, 4096}) {
      const auto bytes = [&](int64_t batch) { return fixed + each * batch; };
      for (const int64_t fits : {2, 3, 4, 5, 6, 17, 511, 512}) {
        for (const int64_t more : {int64_t{0}, each - 1}) {
          const Found found = find(bytes(fits) + more, 512, bytes);
          EXPECT_EQ(found.fit.batch, fits);
          EXPECT_EQ(found.fit.bytes, bytes(fits));
          EXPECT_LE(found.tried.size(), 3u);
          for (const int64_t batch : found.tried) EXPECT_LE(batch, std::max<int64_t>(4, fits));
        }
      }
    }
  }
}

TEST(BatchFit, IsTheLargestWhereThatFits) {
  for (const int64_t largest : {2, 3, 4, 5, 1000}) {
    EXPECT_EQ(find(INT64_MAX, largest, [](int64_t batch) { return batch; }).fit.batch, largest);
    EXPECT_EQ(find(100, largest, [](int64_t) { return 100; }).fit.batch, largest);
  }
}

TEST(BatchFit, IsNoneWhereTwoRecordsDoNotFit) {
  const Found found = find(19, 512, [](int64_t batch) { return 10 * batch; });
  EXPECT_EQ(found.fit.batch, 0);
  EXPECT_EQ(found.fit.bytes, 20);
  EXPECT_EQ(found.tried.size(), 1u);
}

// Steps of a kernel's blocks, squares: what is found fits, with few tries, and is near the best.
TEST(BatchFit, FitsWhateverBytesAreLike) {
  const std::vector<int64_t (*)(int64_t)> shapes = {[](int64_t b) { return (b + 15) / 16 * 16000; },
                                                    [](int64_t b) { return b * b; },
                                                    [](int64_t b) { return b < 50 ? 10 * b : 100'000 * b; },
                                                    [](int64_t b) { return b < 50 ? 1000 * b : 50'000 + b; }};
  for (const auto& bytes : shapes) {
    for (int64_t budget = bytes(2); budget < 300'000; budget = budget * 3 / 2 + 1) {
      const Found found = find(budget, 512, bytes);
      EXPECT_GE(found.fit.batch, 2);
      EXPECT_LE(bytes(found.fit.batch), budget);
      EXPECT_EQ(found.fit.bytes, bytes(found.fit.batch));
      EXPECT_LE(found.tried.size(), 9u);
    }
  }
}

TEST(BatchFit, ARefusalNamesBothNumbers) {
  const TooLittleMemory error(1000, 5000);
  EXPECT_NE(std::string(error.what()).find("1000"), std::string::npos);
  EXPECT_NE(std::string(error.what()).find("5000"), std::string::npos);
}

}  // namespace
}  // namespace sotto::optim

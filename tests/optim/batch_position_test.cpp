// The arithmetic of batch positions against the definition: the record of every element is written out and followed.

#include <ATen/TensorOperators.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/randn.h>
#include <gtest/gtest.h>
#include <sotto/optim/batch_position.h>

#include <functional>
#include <random>

namespace sotto::optim {
namespace {

using Sizes = std::vector<int64_t>;

int64_t product(const Sizes& sizes) {
  int64_t result = 1;
  for (int64_t size : sizes) result *= size;
  return result;
}

// The record of every element in row-major order, from the definition of BatchPosition.
std::vector<int64_t> records_of(const Sizes& sizes, BatchPosition position, int64_t batch) {
  std::vector<int64_t> records;
  Sizes index(sizes.size(), 0);
  const int64_t count = product(sizes);
  for (int64_t element = 0; element < count; ++element) {
    int64_t rest = element;
    for (size_t d = sizes.size(); d-- > 0;) {
      index[d] = rest % sizes[d];
      rest /= sizes[d];
    }
    records.push_back((index[static_cast<size_t>(position.dim)] / position.inner) % batch);
  }
  return records;
}

// Every position that a tensor of these sizes could have.
std::vector<BatchPosition> positions_of(const Sizes& sizes, int64_t batch) {
  std::vector<BatchPosition> result;
  for (size_t d = 0; d < sizes.size(); ++d) {
    for (int64_t inner = 1; inner * batch <= sizes[d]; ++inner) {
      if (sizes[d] % (inner * batch) == 0) {
        result.push_back({static_cast<int64_t>(d), sizes[d] / (inner * batch), inner});
      }
    }
  }
  return result;
}

// All ways to write `elements` as an ordered product of at most `rank` factors, with factors of one allowed.
void each_shape(int64_t elements, int rank, Sizes& shape, const std::function<void(const Sizes&)>& visit) {
  if (rank == 0) {
    if (elements == 1) visit(shape);
    return;
  }
  for (int64_t size = 1; size <= elements; ++size) {
    if (elements % size != 0) continue;
    shape.push_back(size);
    each_shape(elements / size, rank - 1, shape, visit);
    shape.pop_back();
  }
}

TEST(ReshapePosition, AgreesWithIndexArithmetic) {
  int64_t found = 0;
  int64_t refused = 0;
  for (const auto& [batch, from] : std::vector<std::pair<int64_t, Sizes>>{
           {2, {2, 3, 2}}, {2, {4, 3}}, {2, {6, 2}}, {3, {3, 2, 2}}, {3, {2, 6}}, {2, {2, 2, 2, 3}}, {4, {3, 8}}}) {
    for (const BatchPosition& position : positions_of(from, batch)) {
      const std::vector<int64_t> records = records_of(from, position, batch);
      for (int rank = 1; rank <= 4; ++rank) {
        Sizes shape;
        each_shape(product(from), rank, shape, [&](const Sizes& to) {
          std::vector<BatchPosition> right;
          for (const BatchPosition& candidate : positions_of(to, batch)) {
            if (records_of(to, candidate, batch) == records) right.push_back(candidate);
          }
          const auto answer = reshape_position(from, position, batch, to);
          if (answer) {
            ++found;
            ASSERT_NE(std::find(right.begin(), right.end(), *answer), right.end());
          } else {
            ++refused;
            ASSERT_TRUE(right.empty());  // refused only where no position exists
          }
        });
      }
    }
  }
  EXPECT_GT(found, 500);
  EXPECT_GT(refused, 100);
}

TEST(ReshapePosition, RefusesWhatHasNoElements) {
  EXPECT_FALSE(reshape_position(Sizes{4, 0}, {0, 1, 1}, 4, Sizes{0, 4}).has_value());
}

// The number of elements changes when a tensor is viewed as another dtype: no position follows from that.
TEST(ReshapePosition, RefusesADifferentNumberOfElements) {
  EXPECT_FALSE(reshape_position(Sizes{4}, {0, 1, 1}, 4, Sizes{8}).has_value());
  EXPECT_FALSE(reshape_position(Sizes{4, 2}, {0, 1, 1}, 4, Sizes{4, 1}).has_value());
}

TEST(BatchFirst, PutsEveryRecordInItsRow) {
  std::mt19937_64 random(7);
  for (int draw = 0; draw < 300; ++draw) {
    const int64_t batch = 2 + static_cast<int64_t>(random() % 3);
    Sizes sizes;
    const size_t rank = 1 + random() % 4;
    for (size_t d = 0; d < rank; ++d) sizes.push_back(1 + static_cast<int64_t>(random() % 3));
    BatchPosition position{static_cast<int64_t>(random() % rank), 1 + static_cast<int64_t>(random() % 3),
                           1 + static_cast<int64_t>(random() % 3)};
    sizes[static_cast<size_t>(position.dim)] = position.outer * batch * position.inner;
    at::Tensor tensor = at::arange(product(sizes)).reshape(sizes);
    if (rank > 1 && random() % 2 == 0) {  // strided: not every tensor is contiguous
      tensor =
          tensor.transpose(0, static_cast<int64_t>(rank) - 1).contiguous().transpose(0, static_cast<int64_t>(rank) - 1);
    }
    const std::vector<int64_t> records = records_of(sizes, position, batch);
    const at::Tensor rows = batch_first(tensor, position, batch);
    ASSERT_EQ(rows.size(0), batch);
    ASSERT_EQ(rows.size(1), position.outer);
    ASSERT_EQ(rows.size(2), position.inner);
    ASSERT_EQ(rows.numel(), tensor.numel());
    for (int64_t record = 0; record < batch; ++record) {
      const at::Tensor row = rows[record].contiguous().view({-1});
      for (int64_t e = 0; e < row.numel(); ++e) {
        // The value of an element is its row-major index.
        ASSERT_EQ(records[static_cast<size_t>(row[e].item<int64_t>())], record);
      }
    }
  }
}

TEST(BatchFirst, KeepsTheOtherDimensionsInOrder) {
  const at::Tensor tensor = at::randn({5, 3, 4, 2});
  EXPECT_TRUE(batch_first(tensor, {1, 1, 1}, 3).equal(tensor.permute({1, 0, 2, 3}).unsqueeze(1).unsqueeze(1)));
}

}  // namespace
}  // namespace sotto::optim

#include <ATen/ops/zeros.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sotto/privacy/error.h>
#include <sotto/tools/record_tensors.h>

#include "../support/message.h"

namespace sotto::tools {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

// What it makes of a record is larger than any machine; its parameter is there because a model has one.
class Enormous final : public models::TrainableModel {
 public:
  at::Tensor forward(const at::Tensor& prepared) override { return prepared; }
  at::Tensor prepare(const at::Tensor& inputs) const override {
    return at::zeros({1, 1}).expand({inputs.size(0), int64_t{1} << 44});
  }
  bool prepares() const override { return true; }
  void move_to(at::Device) override {}
  std::vector<models::NamedTensor> trainable() const override { return {{"weight", at::zeros({1})}}; }
  std::vector<models::NamedTensor> constants() const override { return {}; }
  std::vector<models::NamedTensor> state() const override { return trainable(); }
  void set_evaluation(bool) override {}
};

TEST(PreparedRecords, ThatWouldFillTheMemoryAreRefusedBeforeItIsTaken) {
  RecordTensors records{.inputs = at::zeros({3, 2}), .labels = at::zeros({3}, at::kLong)};
  const std::string message = sotto::testing::message_of<UsageError>([&] { prepare(Enormous(), records); });
  EXPECT_THAT(message, HasSubstr("[prepare]"));
  EXPECT_THAT(message, Not(HasSubstr("3")));  // the number of records is private
  EXPECT_EQ(records.inputs.sizes(), (at::IntArrayRef{3, 2}));
}

TEST(RequireMemory, CountsWithoutOverflow) {
  require_memory({1000, 1000}, 4, "no");
  const int64_t large = int64_t{1} << 62;
  EXPECT_THROW(require_memory({large, large, large}, 8, "no"), UsageError);
  EXPECT_THROW(require_memory({4, large}, 1, "no"), UsageError);  // 0 in 64 bits
}

}  // namespace
}  // namespace sotto::tools

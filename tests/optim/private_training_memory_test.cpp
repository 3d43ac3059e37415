// A physical batch that the memory has no room for is cut, before a private record is read and from shapes alone.

#include <cmath>
#include <limits>

#include "private_training_fixture.h"

namespace sotto::optim {
namespace {

constexpr int64_t kInputs = 4;
constexpr int64_t kOutputs = 32;
// What a record of the model below holds at least, in float: where the layer is, its output; then the factors of its
// gradient, input and gradient of the output. More than the forward pass leaves, output and loss.
constexpr int64_t kBytesOfRecord = 4 * (kOutputs + kInputs + kOutputs);

struct Subject {
  Tensor weight = torch::zeros({kOutputs, kInputs}).requires_grad_();
  torch::optim::SGD optimizer{std::vector<Tensor>{weight}, 0.1};
  int64_t largest_pass = 0;
  std::vector<NamedParameter> parameters() const { return {{"weight", weight}}; }
  Losses losses() {
    return [this](const std::vector<Tensor>& batch) {
      largest_pass = std::max(largest_pass, batch[0].size(0));
      return torch::linear(batch[0], weight).pow(2).sum(1);
    };
  }
};

Records records(double scale = 1.0) {
  return tensor_records({data(kRecords)[0] * scale});
}

TEST_F(PrivateTrainingTest, APhysicalBatchIsCutToWhatTheMemoryHolds) {
  for (const int64_t fits : {5, 9, 13}) {
    for (const double scale : {1.0, 1e6}) {
      Subject subject;
      auto given = options({}, std::to_string(fits) + std::to_string(scale));
      given.tape.memory_bytes = fits * kBytesOfRecord + kBytesOfRecord - 1;
      PrivateTraining training(subject.parameters(), subject.optimizer, records(scale), given);
      EXPECT_EQ(training.physical_batch(), 16);
      training.examine(subject.losses());
      EXPECT_EQ(training.physical_batch(), fits);
      const std::string notes = training.notes().back();
      EXPECT_TRUE(contains(notes, "cut from 16 to " + std::to_string(fits) + " records")) << notes;
      EXPECT_TRUE(contains(notes, std::to_string(fits * kBytesOfRecord) + " bytes")) << notes;
      training.step(subject.losses());
      EXPECT_LE(subject.largest_pass, std::max<int64_t>(9, fits));  // the probe tries 2 x 4 + 1
    }
  }
}

// The size that a run was cut to is not cut again, so that a resumed run has the same passes.
TEST_F(PrivateTrainingTest, ACutBatchStaysWhenItIsGivenAgain) {
  for (const int64_t physical : {16, 9}) {
    Subject subject;
    auto given = options({.physical_batch = physical}, std::to_string(physical));
    given.tape.memory_bytes = 9 * kBytesOfRecord;
    PrivateTraining training(subject.parameters(), subject.optimizer, records(), given);
    training.examine(subject.losses());
    EXPECT_EQ(training.physical_batch(), 9);
    EXPECT_EQ(contains(training.notes().back(), "cut"), physical == 16);
  }
}

TEST_F(PrivateTrainingTest, NothingIsCutWhereItFitsOrWithoutABudget) {
  for (const int64_t memory : {int64_t{0}, 16 * kBytesOfRecord, int64_t{1} << 40}) {
    Subject subject;
    auto given = options({}, std::to_string(memory));
    given.tape.memory_bytes = memory;
    PrivateTraining training(subject.parameters(), subject.optimizer, records(), given);
    training.examine(subject.losses());
    EXPECT_EQ(training.physical_batch(), 16);
    for (const std::string& note : training.notes()) EXPECT_FALSE(contains(note, "cut")) << note;
  }
}

TEST_F(PrivateTrainingTest, MemoryForLessThanTwoRecordsIsRefusedBeforeOneIsRead) {
  Subject subject;
  auto given = options();
  given.tape.memory_bytes = 2 * kBytesOfRecord - 1;
  Records counted = records();
  int fetches = 0;
  counted.fetch = [inner = counted.fetch, &fetches](const Tensor& indices) {
    ++fetches;
    return inner(indices);
  };
  PrivateTraining training(subject.parameters(), subject.optimizer, counted, given);
  try {
    training.step(subject.losses());
    ADD_FAILURE() << "not refused";
  } catch (const TooLittleMemory& error) {
    EXPECT_EQ(error.allowed(), 2 * kBytesOfRecord - 1);
    EXPECT_EQ(error.needed(), 2 * kBytesOfRecord);
  }
  EXPECT_EQ(fetches, 0);
  EXPECT_EQ(training.steps_charged(), 0);
}

TEST_F(PrivateTrainingTest, WhatAModelThatRunsOnNoMadeUpRecordsHoldsIsNotKnown) {
  Subject subject;
  auto given = options();
  given.tape.memory_bytes = kBytesOfRecord;
  PrivateTraining training(subject.parameters(), subject.optimizer, records(), given);
  training.examine([](const auto&) -> Tensor { throw std::runtime_error("not for such values"); });
  EXPECT_EQ(training.physical_batch(), 16);
  EXPECT_TRUE(contains(training.notes().back(), "not fitted to the memory")) << training.notes().back();
}

TEST_F(PrivateTrainingTest, CostsThatAreNoNumbersAreRefused) {
  for (const double bad : {0.0, -1.0, std::nan(""), std::numeric_limits<double>::infinity()}) {
    auto given = options();
    given.tape.costs.gram = bad;
    const std::string message = refusal([&] {
      Subject subject;
      PrivateTraining training(subject.parameters(), subject.optimizer, records(), given);
    });
    EXPECT_TRUE(contains(message, "gram")) << message;
  }
}

}  // namespace
}  // namespace sotto::optim

// What a private step holds, and when it gives it back.

#include <gtest/gtest.h>
#include <sotto/optim/held_bytes.h>
#include <sotto/optim/tape.h>
#include <torch/torch.h>

#include "oracle.h"

namespace sotto::optim {
namespace {

using Tensors = std::vector<torch::Tensor>;

constexpr int64_t kRecords = 8;
constexpr int64_t kPositions = 64;
constexpr int64_t kWidth = 32;
constexpr int64_t kLayers = 6;
constexpr int64_t kActivation = kRecords * kPositions * kWidth * 4;  // bytes

// Linear layers without bias, one behind the other.
testing::Model chain() {
  testing::Model model;
  torch::manual_seed(3);
  for (int64_t layer = 0; layer < kLayers; ++layer) {
    model.parameters.push_back(
        {"weight" + std::to_string(layer), (0.3 * torch::randn({kWidth, kWidth})).requires_grad_()});
  }
  model.inputs = {torch::randn({kRecords, kPositions, kWidth})};
  model.losses = [weights = model.parameters](const Tensors& x) {
    torch::Tensor y = x[0];
    for (const NamedParameter& weight : weights) y = torch::tanh(torch::linear(y, weight.tensor));
    return y.sum({1, 2});
  };
  return model;
}

// Bytes that are held after the norms, with a strategy for all layers.
int64_t held_after_norms(Strategy strategy) {
  const testing::Model model = chain();
  Tape tape(model.parameters, {}, {}, {.force_strategy = strategy});
  const HeldBytes held;
  const PerRecordGradients gradients = tape.run(model.inputs, model.losses);
  return held.bytes();
}

TEST(StepMemory, KeptRowsAreAllThatIsHeldWhereTheyAreKept) {
  const int64_t rows = kLayers * kRecords * kWidth * kWidth * 4;
  EXPECT_GE(held_after_norms(Strategy::keep), rows);
  EXPECT_LT(held_after_norms(Strategy::keep), rows + kActivation);
}

// The input of each layer but the first, whose is the caller's, and the gradient of its output.
TEST(StepMemory, FactorsAreAllThatIsHeldOtherwise) {
  const int64_t factors = (2 * kLayers - 1) * kActivation;
  for (const Strategy strategy : {Strategy::gram, Strategy::drop}) {
    EXPECT_GE(held_after_norms(strategy), factors);
    EXPECT_LT(held_after_norms(strategy), factors + kActivation);
  }
}

TEST(StepMemory, SumsFreeWhatTheyWereMadeFrom) {
  const testing::Model model = chain();
  Tape tape(model.parameters, {}, {}, {.force_strategy = Strategy::gram});
  const HeldBytes held;
  PerRecordGradients gradients = tape.run(model.inputs, model.losses);
  Tensors sums(model.parameters.size());
  gradients.add_weighted(torch::ones({1, kRecords}), sums);
  EXPECT_LT(held.bytes(), kLayers * kWidth * kWidth * 4 + kActivation);
  for (const torch::Tensor& sum : sums) EXPECT_TRUE(sum.defined());
}

// While the backward pass runs, too: a layer's activations are gone before the gradient of the one in front is made, so
// that it never holds much more than the forward pass left behind.
TEST(StepMemory, ActivationsGoWithTheBackwardPass) {
  int64_t left_behind = 0;
  const testing::Model model = chain();
  Tape tape(model.parameters, {}, {}, {.force_strategy = Strategy::keep});
  const HeldBytes held;
  tape.run(model.inputs, [&](const Tensors& x) {
    torch::Tensor y = model.losses(x);
    left_behind = held.bytes();
    return y;
  });
  EXPECT_GE(left_behind, kLayers * kActivation);
  EXPECT_LT(held.most_bytes(), left_behind + 3 * kActivation);
}

TEST(StepMemory, ThePlanBooksWhatTheUsesHold) {
  const testing::Model model = chain();
  for (const int64_t memory : {int64_t{1}, int64_t{0}, int64_t{1} << 40}) {
    Tape tape(model.parameters, {}, {}, {.memory_bytes = memory});
    const HeldBytes held;
    const PerRecordGradients gradients = tape.run(model.inputs, model.losses);
    EXPECT_LE(held.bytes(), gradients.planned_bytes() + kActivation / 4);
  }
}

TEST(StepMemory, NothingIsCountedWhereAProfilerSits) {
  const HeldBytes outer;
  const HeldBytes inner;
  const torch::Tensor tensor = torch::empty({1000});
  EXPECT_EQ(inner.bytes(), 0);
  EXPECT_GE(outer.bytes(), 4000);
}

}  // namespace
}  // namespace sotto::optim

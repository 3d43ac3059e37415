// What a private step holds, and when it gives it back.

#include <c10/core/Allocator.h>
#include <c10/util/ThreadLocalDebugInfo.h>
#include <gtest/gtest.h>
#include <sotto/optim/held_bytes.h>
#include <sotto/optim/record_rows.h>
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

// By which the next sum is chosen: factors are seen through views.
TEST(StepMemory, AViewFreesTheMemoryThatNobodyElseUses) {
  torch::Tensor tensor = torch::empty({1000});
  EXPECT_EQ(bytes_freed_with(tensor), 4000);
  torch::Tensor view = tensor.view({10, 100});
  EXPECT_EQ(bytes_freed_with(view), 0);
  EXPECT_EQ(bytes_freed_with(tensor), 0);
  tensor.reset();
  EXPECT_EQ(bytes_freed_with(view), 4000);
  torch::Tensor other = view.t();
  EXPECT_EQ(bytes_freed_with(view), 0);
  EXPECT_EQ(bytes_freed_with(other), 0);
  view.reset();
  EXPECT_EQ(bytes_freed_with(other), 4000);
  const torch::Tensor detached = other.detach();
  EXPECT_EQ(bytes_freed_with(other), 0);
  EXPECT_EQ(bytes_freed_with({}), 0);
}

TEST(StepMemory, CountersInsideEachOtherAllCount) {
  const HeldBytes outer;
  const torch::Tensor before = torch::empty({1000});
  {
    const HeldBytes inner;
    const torch::Tensor tensor = torch::empty({500});
    EXPECT_TRUE(inner.counts());
    EXPECT_EQ(inner.bytes(), 2000);
    EXPECT_EQ(HeldBytes::counted(), 2000);
    EXPECT_EQ(outer.bytes(), 6000);
  }
  EXPECT_EQ(outer.bytes(), 4000);
  EXPECT_EQ(outer.most_bytes(), 6000);
  EXPECT_EQ(HeldBytes::counted(), 4000);
}

TEST(StepMemory, AStepInsideACounterIsPlannedAsWithoutOne) {
  const testing::Model model = chain();
  const Tape plain(model.parameters, {}, {}, {.memory_bytes = int64_t{1} << 40});
  Tape tape = plain;
  const int64_t alone = tape.run(model.inputs, model.losses).least_bytes();
  const HeldBytes held;
  const torch::Tensor before = torch::empty({1 << 20});
  EXPECT_EQ(tape.run(model.inputs, model.losses).least_bytes(), alone);
}

// In the place of a profiler of LibTorch.
struct OtherCounter : c10::MemoryReportingInfoBase {
  void reportMemoryUsage(void*, int64_t, size_t, size_t, c10::Device) override {}
  bool memoryProfilingEnabled() const override { return true; }
};

TEST(StepMemory, NothingIsCountedWhereAProfilerSitsAndAStepSaysSo) {
  const c10::DebugInfoGuard profiler(c10::DebugInfoKind::PROFILER_STATE, std::make_shared<OtherCounter>());
  const HeldBytes held;
  const torch::Tensor tensor = torch::empty({1000});
  EXPECT_FALSE(held.counts());
  EXPECT_EQ(held.bytes(), 0);
  const testing::Model model = chain();
  Tape tape(model.parameters, {}, {}, {});
  const std::vector<std::string> notes = tape.run(model.inputs, model.losses).notes();
  ASSERT_EQ(notes.size(), 1u);
  EXPECT_NE(notes[0].find("profiler"), std::string::npos);
}

// Layer k is reached with what the layers before it left, y and tanh(y) of each, and its own output; from there on
// every use holds its factors, or its rows where these take less. The forward pass leaves the losses as well.
TEST(StepMemory, TheLeastFollowsFromShapes) {
  const testing::Model model = chain();
  Tape tape(model.parameters, {}, {}, {});
  const int64_t rows = kRecords * kWidth * kWidth * 4;
  static_assert(kWidth * kWidth < 2 * kPositions * kWidth);
  int64_t least = 0;
  const int64_t left = tape.run(model.inputs, model.losses).least_bytes();
  for (int64_t k = 0; k < kLayers; ++k) least = std::max(least, k * kActivation + (kLayers - k) * rows);
  EXPECT_GE(left, least);
  EXPECT_LE(left, least + 3 * kActivation);
}

}  // namespace
}  // namespace sotto::optim

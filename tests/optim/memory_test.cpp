// Memory that no operator wrote holds nothing of other records, whoever freed it.

#include <sotto/optim/memory.h>
#include <sotto/optim/rule_comparison.h>

#include "recorder_models.h"

namespace sotto::optim::testing {
namespace {

using Make = std::function<Tensor(const Tensor& like)>;

const std::vector<std::pair<const char*, Make>>& makers() {
  static const std::vector<std::pair<const char*, Make>> all = {
      {"empty", [](const Tensor& x) { return torch::empty(x.sizes()); }},
      {"empty_like", [](const Tensor& x) { return torch::empty_like(x); }},
      {"new_empty", [](const Tensor& x) { return x.new_empty(x.sizes()); }},
      {"empty_strided", [](const Tensor& x) { return torch::empty_strided(x.sizes(), x.strides()); }},
      {"empty_permuted",
       [](const Tensor& x) {
         return torch::empty_permuted(x.sizes(), {0, 1});
       }},
  };
  return all;
}

// What a model finds in fresh memory after a tensor of marked numbers was freed.
double found_in_fresh_memory(const Make& make, Fallback fallback) {
  double largest = -1;
  const Model model = loose({weight()}, {records({kRecords, 5})}, [&](auto& p, auto& x) {
    for (int k = 0; k < 8; ++k) torch::full_like(x[0], 123456.0);
    const Tensor fresh = make(x[0]);
    const auto* values = static_cast<const float*>(fresh.const_data_ptr());
    for (int64_t i = 0; i < fresh.numel(); ++i) largest = std::max(largest, static_cast<double>(std::abs(values[i])));
    return per_record(torch::linear(x[0], p[0]));
  });
  Tape(model.parameters, model.constants, {}, {.fallback = fallback}).run(model.inputs, model.losses);
  return largest;
}

TEST(Recorder, FreshMemoryHoldsZeros) {
  for (const auto& [name, make] : makers()) EXPECT_EQ(found_in_fresh_memory(make, Fallback::none), 0.0) << name;
}

TEST(OneByOne, FreshMemoryHoldsZeros) {
  for (const auto& [name, make] : makers()) EXPECT_EQ(found_in_fresh_memory(make, Fallback::per_record), 0.0) << name;
}

TEST(MayOverlapItself, FollowsFromSizesAndStrides) {
  const Tensor memory = torch::zeros({100});
  const auto seen = [&](std::vector<int64_t> sizes, std::vector<int64_t> strides) {
    return may_overlap_itself(memory.as_strided(sizes, strides));
  };
  EXPECT_FALSE(seen({4, 5}, {5, 1}));
  EXPECT_FALSE(seen({4, 5}, {1, 4}));
  EXPECT_FALSE(seen({4, 5}, {20, 2}));  // a slice
  EXPECT_FALSE(seen({1, 5}, {0, 1}));
  EXPECT_FALSE(seen({0, 5}, {1, 1}));
  EXPECT_TRUE(seen({4, 5}, {1, 1}));
  EXPECT_TRUE(seen({4, 5}, {4, 1}));
  EXPECT_TRUE(seen({4, 5}, {0, 1}));
}

// Parameters in another order of memory, as channels_last makes them.
TEST(RuleComparison, TakesParametersOfAnyStrides) {
  const Tensor turned = torch::randn({4, 3, 2, 2}).contiguous(at::MemoryFormat::ChannelsLast).requires_grad_();
  const RuleComparison result =
      compare_rules({{"turned", turned}}, {}, {records({kRecords, 3, 4, 4})},
                    [&](const Tensors& x) { return per_record(torch::conv2d(x[0], turned)); }, {});
  EXPECT_TRUE(result.problems.empty());
  EXPECT_TRUE(result.notes.empty());
}

}  // namespace
}  // namespace sotto::optim::testing

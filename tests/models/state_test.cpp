#include <ATen/ops/arange.h>
#include <ATen/ops/equal.h>
#include <ATen/ops/full.h>
#include <ATen/ops/zeros.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sotto/models/state.h>
#include <sotto/privacy/error.h>

#include <limits>

#include "../support/message.h"
#include "../support/scratch_folder.h"

namespace sotto::models {
namespace {

using sotto::testing::message_of;
using ::testing::HasSubstr;

class StateTest : public ::testing::Test {
 protected:
  std::string refusal(const std::vector<NamedTensor>& into) {
    return message_of<DataError>([&] { load_state(path_, into); });
  }
  sotto::testing::ScratchFolder folder_;
  std::filesystem::path path_ = folder_.path() / "model.safetensors";
};

TEST_F(StateTest, EveryTypeAndShapeComesBackBitForBit) {
  for (const auto type : {at::kDouble, at::kFloat, at::kHalf, at::kBFloat16, at::kLong, at::kInt, at::kByte}) {
    const std::vector<NamedTensor> saved = {{"weight", at::arange(6).reshape({2, 3}).to(type)},
                                            {"scalar", at::full({}, 3).to(type)},
                                            {"none", at::zeros({0, 4}).to(type)}};
    save_state(path_, saved);
    std::vector<NamedTensor> loaded;
    for (const NamedTensor& named : saved) loaded.push_back({named.name, at::full(named.tensor.sizes(), 99).to(type)});
    load_state(path_, loaded);
    for (std::size_t i = 0; i < saved.size(); ++i)
      EXPECT_TRUE(at::equal(saved[i].tensor, loaded[i].tensor)) << saved[i].name << " " << c10::toString(type);
  }
}

TEST_F(StateTest, NonFiniteValuesAreKept) {
  at::Tensor values = at::zeros({3}, at::kFloat);
  values[0] = std::numeric_limits<float>::infinity();
  values[1] = -0.0F;
  values[2] = std::numeric_limits<float>::quiet_NaN();
  save_state(path_, {{"a", values}});
  const at::Tensor loaded = at::zeros({3}, at::kFloat);
  load_state(path_, {{"a", loaded}});
  EXPECT_TRUE(at::equal(values.view(at::kInt), loaded.view(at::kInt)));
}

TEST_F(StateTest, StridesOfEitherSideDoNotMatter) {
  const at::Tensor values = at::arange(6, at::kFloat).reshape({2, 3});
  save_state(path_, {{"a", values.t()}});
  const at::Tensor contiguous = at::zeros({3, 2});
  load_state(path_, {{"a", contiguous}});
  EXPECT_TRUE(at::equal(contiguous, values.t()));
  const at::Tensor transposed = at::zeros({2, 3});
  load_state(path_, {{"a", transposed.t()}});
  EXPECT_TRUE(at::equal(transposed, values));
}

TEST_F(StateTest, TrainableTensorsAreLoadedWithoutEnteringTheGraph) {
  save_state(path_, {{"a", at::arange(2, at::kFloat).requires_grad_()}});
  const at::Tensor parameter = at::zeros({2}).requires_grad_();
  load_state(path_, {{"a", parameter}});
  EXPECT_TRUE(at::equal(parameter, at::arange(2, at::kFloat)));
  EXPECT_TRUE(parameter.is_leaf());
  EXPECT_TRUE(parameter.requires_grad());
}

TEST_F(StateTest, MetadataComesBack) {
  const Metadata metadata = {{"network", "cnn"}, {"empty", ""}};
  save_state(path_, {}, metadata);
  EXPECT_EQ(load_state(path_, {}), metadata);
}

TEST_F(StateTest, AnyMismatchIsRefusedAndChangesNothing) {
  save_state(path_, {{"a", at::full({2}, 5.0)}, {"b", at::full({2, 2}, 5.0)}});
  const at::Tensor a = at::zeros({2});
  const at::Tensor b = at::zeros({2, 2});
  EXPECT_THAT(refusal({{"a", a}}), HasSubstr("'b' is not in the model"));
  EXPECT_THAT(refusal({{"a", a}, {"b", b}, {"c", b}}), HasSubstr("'c' is missing"));
  EXPECT_THAT(refusal({{"a", a}, {"b", at::zeros({4})}}), HasSubstr("'b' has shape [2, 2] where the model has [4]"));
  EXPECT_THAT(refusal({{"a", a}, {"b", at::zeros({2, 2}, at::kDouble)}}),
              HasSubstr("'b' is of type F32 where the model has Double"));
  EXPECT_EQ(a.sum().item<float>(), 0.0F);
  EXPECT_EQ(b.sum().item<float>(), 0.0F);
}

TEST_F(StateTest, LongListsOfMismatchesAreCut) {
  std::vector<NamedTensor> tensors;
  for (int i = 0; i < 8; ++i) tensors.push_back({std::string(1, static_cast<char>('a' + i)), at::zeros({1})});
  save_state(path_, {});
  EXPECT_THAT(refusal(tensors), HasSubstr("'e' is missing; and 3 more;"));
}

TEST_F(StateTest, WhatCannotBeStoredIsRefused) {
  EXPECT_THAT(message_of<UsageError>([&] { save_state(path_, {{"a", at::Tensor()}}); }), HasSubstr("'a' is undefined"));
  EXPECT_THAT(message_of<UsageError>([&] { load_state(path_, {{"a", at::Tensor()}}); }), HasSubstr("'a' is undefined"));
  EXPECT_THAT(message_of<UsageError>([&] {
                save_state(path_, {{"a", at::zeros({1}, at::kBool)}});
              }),
              HasSubstr("element type Bool cannot be stored"));
  EXPECT_FALSE(std::filesystem::exists(path_));
}

}  // namespace
}  // namespace sotto::models

// The fallback: any model at all, one record at a time.

#include <sotto/optim/clipper.h>

#include <memory>

#include "clipped_sum_access.h"
#include "recorder_models.h"

namespace sotto::optim::testing {
namespace {

struct TwiceTheValue : torch::autograd::Function<TwiceTheValue> {
  static Tensor forward(torch::autograd::AutogradContext*, const Tensor& x) { return x * 2.0; }
  static Tensors backward(torch::autograd::AutogradContext*, Tensors gradients) { return {gradients[0] * 2.0}; }
};

// An operator without a rule, and an autograd function of the program's own.
Model without_rules() {
  return loose({weight(), torch::rand({3}) + 1.0}, {records()}, [](auto& p, auto& x) {
    const Tensor y = std::get<0>(torch::linear(x[0], p[0]).sort(1)).atan2(p[1]);
    return per_record(TwiceTheValue::apply(y));
  });
}

TEST(OneByOne, GivesTheGradientsOfAModelWithoutRules) {
  EXPECT_NE(refusal(without_rules()), "");
  const Errors errors = compare(without_rules(), {.fallback = Fallback::per_record});
  EXPECT_LT(errors.norm, 1e-6);
  EXPECT_LT(errors.weighted, 1e-6);
  EXPECT_TRUE(errors.bounded);
}

TEST(OneByOne, AgreesWithTheTapeWhereBothWork) {
  const Model model =
      loose({weight()}, {records()}, [](auto& p, auto& x) { return per_record(torch::linear(x[0], p[0])); });
  Tape tape(model.parameters, {});
  Tape alone(model.parameters, {}, {}, {.fallback = Fallback::per_record});
  const PerRecordGradients a = tape.run(model.inputs, model.losses);
  const PerRecordGradients b = alone.run(model.inputs, model.losses);
  for (int64_t i = 0; i < kRecords; ++i) EXPECT_NEAR(a.norm_bound(0, i) / b.norm_bound(0, i), 1.0, 1e-6);
  EXPECT_TRUE(says(b.describe().at(0), {"weight0", "one record at a time"}));
}

// Padding adds nothing and is not run.
TEST(OneByOne, LeavesOutPadding) {
  int runs = 0;
  const Model model = loose({weight()}, {records()}, [&runs](auto& p, auto& x) {
    ++runs;
    return per_record(torch::linear(x[0], p[0]));
  });
  Tape alone(model.parameters, {}, {}, {.fallback = Fallback::per_record});
  const PerRecordGradients gradients = alone.run(model.inputs, model.losses, {true, false, true, false});
  EXPECT_EQ(runs, 2);
  EXPECT_GT(gradients.norm_bound(0, 0), 0.0);
  EXPECT_EQ(gradients.norm_bound(0, 1), 0.0);
}

TEST(OneByOne, ClipsLikeTheTape) {
  const Model model =
      loose({weight()}, {records()}, [](auto& p, auto& x) { return per_record(torch::linear(x[0], p[0])); });
  const auto sum = [&](Fallback fallback) {
    Clipper clipper(model.parameters, {}, WeightRule::flat(0.5), {}, {.fallback = fallback});
    clipper.add(model.inputs, model.losses, {true, true, false, true});
    const ClippedSum taken = clipper.take();
    return ClippedSumTestAccess::values(taken).at(0);
  };
  EXPECT_TRUE(sum(Fallback::per_record).allclose(sum(Fallback::none), 1e-5, 1e-6));
}

std::string refusal_alone(const Model& model) {
  try {
    Tape(model.parameters, model.constants, {}, {.fallback = Fallback::per_record}).run(model.inputs, model.losses);
  } catch (const UsageError& error) {
    return error.what();
  }
  return "";
}

// What one record leaves behind reaches the next.
TEST(OneByOne, RefusesABufferThatChanges) {
  const Tensor buffer = torch::zeros({3});
  const auto message = refusal_alone(loose({weight()}, {records()},
                                           [buffer](auto& p, auto& x) {
                                             Tensor state = buffer;
                                             const Tensor y = torch::linear(x[0], p[0]);
                                             state.add_(y.detach().sum(0));
                                             return per_record(y);
                                           },
                                           {buffer}));
  EXPECT_TRUE(says(message, {"changed while the model ran"}));
}

TEST(OneByOne, RefusesATensorKeptFromTheRecordBefore) {
  auto kept = std::make_shared<Tensor>();
  const auto message = refusal_alone(loose({weight()}, {records()}, [kept](auto& p, auto& x) {
    Tensor y = torch::linear(x[0], p[0]);
    const Tensor before = kept->defined() ? *kept : torch::zeros_like(y);
    *kept = y.detach();
    return per_record(y + before);
  }));
  EXPECT_TRUE(says(message, {"aten::add", "neither an input"})) << message;
}

// What a storage brings along would have no origin.
TEST(OneByOne, RefusesTensorsHiddenInOtherArguments) {
  const auto message = refusal_alone(loose({weight()}, {records()}, [](auto& p, auto& x) {
    const Tensor target = torch::zeros({1, 5});
    target.set_(x[0].storage(), 0, {1, 5}, {5, 1});
    return per_record(torch::linear(x[0], p[0]));
  }));
  EXPECT_TRUE(says(message, {"aten::set", "Storage"})) << message;
}

// No view of its input reaches another record.
TEST(OneByOne, ARecordHasMemoryOfItsOwn) {
  const Model model = loose({weight()}, {records()}, [](auto& p, auto& x) {
    return per_record(torch::linear(x[0].as_strided({1, 5}, {5, 1}, 5), p[0]));  // five numbers further on
  });
  Tape alone(model.parameters, {}, {}, {.fallback = Fallback::per_record});
  EXPECT_THROW(alone.run(model.inputs, model.losses, {true, false, false, false}), std::exception);
}

TEST(OneByOne, RefusesLossesThatAreNotOneEach) {
  EXPECT_TRUE(says(refusal_alone(loose({weight()}, {records()},
                                       [](auto& p, auto& x) { return torch::linear(x[0], p[0]).flatten(); })),
                   {"one loss per record", "[3]"}));
  EXPECT_TRUE(says(refusal_alone(loose({weight()}, {records()},
                                       [](auto& p, auto& x) { return per_record(torch::linear(x[0], p[0])).sum(); })),
                   {"one loss per record"}));
  EXPECT_TRUE(
      says(refusal_alone(loose({weight()}, {records()},
                               [](auto& p, auto& x) { return per_record(torch::linear(x[0], p[0])).detach(); })),
           {"do not depend"}));
}

}  // namespace
}  // namespace sotto::optim::testing

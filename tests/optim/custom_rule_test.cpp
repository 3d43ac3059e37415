// The worked example of custom_rule.h, and what registering refuses.

#include <sotto/optim/custom_rule.h>
#include <sotto/optim/direct_use.h>
#include <sotto/optim/explain_model.h>
#include <sotto/optim/rule_comparison.h>
#include <torch/library.h>

#include "recorder_models.h"

namespace sotto::optim::testing {
namespace {

// x * sigmoid(slope x), with a backward pass of the program's own.
struct Swish : torch::autograd::Function<Swish> {
  static Tensor forward(torch::autograd::AutogradContext* context, const Tensor& x, const Tensor& slope) {
    context->save_for_backward({x, slope});
    return x * torch::sigmoid(slope * x);
  }
  static Tensors backward(torch::autograd::AutogradContext* context, Tensors gradients) {
    const Tensor x = context->get_saved_variables()[0];
    const Tensor slope = context->get_saved_variables()[1];
    const Tensor s = torch::sigmoid(slope * x);
    return {gradients[0] * (s + slope * x * s * (1 - s)), (gradients[0] * x * x * s * (1 - s)).sum().view({1})};
  }
};

Tensor swish(const Tensor& x, const Tensor& slope) {
  return Swish::apply(x, slope);
}

TORCH_LIBRARY(mine, m) {
  m.def("swish(Tensor x, Tensor slope) -> Tensor");
  m.def("unruled(Tensor x, Tensor slope) -> Tensor");
  m.def("half(Tensor x, Tensor slope) -> Tensor");
  m.def("wrong(Tensor x) -> Tensor");
  m.def("shaped(Tensor x, Tensor slope) -> Tensor");
  m.def("placed(Tensor x) -> Tensor");
}
TORCH_LIBRARY_IMPL(mine, Autograd, m) {
  m.impl("swish", &swish);
  m.impl("unruled", &swish);
  m.impl("half", &swish);
  m.impl("shaped", &swish);
  m.impl("placed", [](const Tensor& x) { return x * 2.0; });
  m.impl("wrong", [](const Tensor& x) { return x * x.detach().mean(); });
}

Tensor call(const char* name, const Tensor& x, const Tensor& slope) {
  return c10::Dispatcher::singleton().findSchemaOrThrow(name, "").typed<Tensor(const Tensor&, const Tensor&)>().call(
      x, slope);
}

void register_example() {
  register_custom_rule(
      {.name = "mine::swish",
       .transfer = [](const OperatorCall& of) -> OutputPositions {
         if (of.position(1)) throw Refusal{"takes a slope that differs from record to record"};
         return {of.position(0)};
       },
       .use = [](const OperatorCall& of, size_t argument, BatchPosition output) -> std::unique_ptr<ParameterUse> {
         if (argument != 1) return nullptr;  // only the slope may be a parameter
         return make_direct_use([x = of.tensor(0).detach(), slope = of.tensor(1).detach(), output,
                                 batch = of.batch](const Tensor& gradient) {
           const Tensor s = at::sigmoid(x * slope);
           return batch_first(gradient * x * x * s * (1 - s), output, batch).reshape({batch, -1}).sum(1, true);
         });
       }});
}

Model model_with(const char* name) {
  return loose({weight(), torch::ones({1})}, {records()},
               [name](auto& p, auto& x) { return per_record(call(name, torch::linear(x[0], p[0]), p[1])); });
}

void register_once() {
  static const bool done = (register_example(), true);
  (void)done;
}

TEST(CustomRule, GradientsOfItsOperatorAreThoseOfOneRecordAtATime) {
  register_once();
  const Errors errors = compare(model_with("mine::swish"));
  EXPECT_LT(errors.norm, 1e-5);
  EXPECT_LT(errors.weighted, 1e-5);
  EXPECT_TRUE(errors.bounded);
}

TEST(CustomRule, IsNamedInTheExplanation) {
  register_once();
  const Model model = model_with("mine::swish");
  Tape tape(model.parameters, {});
  const Explanation explanation = tape.explain(model.inputs, model.losses);
  ASSERT_TRUE(explanation.accepted()) << to_text(explanation);
  EXPECT_EQ(explanation.parameters[1].uses.at(0).rule, "custom rule");
  EXPECT_EQ(explanation.parameters[0].uses.at(0).rule, "per-record rule");
}

TEST(CustomRule, RefusesWhatItsTransferRuleRefuses) {
  register_once();
  const auto message = refusal(loose({weight()}, {records()}, [](auto& p, auto& x) {
    return per_record(call("mine::swish", torch::linear(x[0], p[0]), x[0].slice(1, 0, 1)));
  }));
  EXPECT_TRUE(says(message, {"mine::swish", "differs from record to record"}));
}

// The program vouches for the backward pass of its operator, not for what is hooked into it.
TEST(CustomRule, AHookOnItsResultIsRefused) {
  register_once();
  const auto message = refusal(loose({weight(), torch::ones({1})}, {records()}, [](auto& p, auto& x) {
    const Tensor y = call("mine::swish", torch::linear(x[0], p[0]), p[1]);
    y.register_hook([](const Tensor& gradient) { return gradient - gradient.mean(0); });
    return per_record(y);
  }));
  EXPECT_TRUE(says(message, {"gradient hook"})) << message;
}

at::DimVector sizes_returned;  // by the rule of mine::shaped
bool keeps_rows = true;

struct OwnUse final : ParameterUse {
  void bind(Tensor) override {}
  Tensor per_record(int64_t, int64_t) override { return torch::ones(sizes_returned); }
  void add_squared_norms(SquaredNorms&) override {}
  void add_weighted(const Tensor&, Tensor&) override {}
  Strategy strategy() const override { return Strategy::drop; }
};

TEST(CustomRule, RowsOfOtherSizesAreRefusedByOperatorAndParameter) {
  register_custom_rule(
      {.name = "mine::shaped",
       .transfer = [](const OperatorCall& of) -> OutputPositions { return {of.position(0)}; },
       .use = [](const OperatorCall&, size_t argument, BatchPosition) -> std::unique_ptr<ParameterUse> {
         if (argument != 1) return nullptr;
         if (!keeps_rows) return std::make_unique<OwnUse>();
         return make_direct_use([](const Tensor&) { return torch::ones(sizes_returned); });
       }});
  for (const bool kept : {true, false}) {
    keeps_rows = kept;
    const Model model = loose({weight(), torch::ones({1})}, {records()}, [](auto& p, auto& x) {
      const Tensor y = call("mine::shaped", torch::linear(x[0], p[0]), p[1]);
      return per_record(call("mine::shaped", y, p[1]));
    });
    for (const at::DimVector& sizes :
         {at::DimVector{kRecords * 3, 1}, {kRecords - 1, 1}, {1, 1}, {kRecords, 2}, {kRecords}, {kRecords, 1, 1}}) {
      sizes_returned = sizes;
      const auto message = refusal(model);
      EXPECT_TRUE(says(message, {"mine::shaped", "weight1", sizes_text(sizes).c_str(), "must be [4, 1]"})) << message;
    }
    sizes_returned = {kRecords, 1};
    EXPECT_EQ(refusal(model), "");
  }
}

OutputPositions positions_returned;  // by the rule of mine::placed

TEST(CustomRule, PositionsThatTheResultCannotHaveAreRefused) {
  register_custom_rule({.name = "mine::placed", .transfer = [](const OperatorCall&) { return positions_returned; }});
  const Model model = loose({weight()}, {records()}, [](auto& p, auto& x) {
    const Tensor y = c10::Dispatcher::singleton()
                         .findSchemaOrThrow("mine::placed", "")
                         .typed<Tensor(const Tensor&)>()
                         .call(torch::linear(x[0], p[0]));
    return per_record(y);
  });
  using Position = std::optional<BatchPosition>;
  positions_returned = {};
  EXPECT_TRUE(says(refusal(model), {"mine::placed", "0 position(s)", "1 output(s)"}));
  positions_returned = {Position({0, 1, 1}), Position({0, 1, 1})};
  EXPECT_TRUE(says(refusal(model), {"mine::placed", "2 position(s)", "1 output(s)"}));
  for (const BatchPosition& wrong : std::vector<BatchPosition>{
           {0, 1, 2}, {0, 2, 1}, {1, 1, 1}, {2, 1, 1}, {-1, 1, 1}, {0, -1, -1}, {0, 0, 1}, {0, 1, 0}}) {
    positions_returned = {wrong};
    const auto message = refusal(model);
    EXPECT_TRUE(says(message, {"mine::placed", "batch of 4 records", "sizes [4, 3]"})) << message;
  }
  positions_returned = {Position({0, 1, 1})};
  EXPECT_EQ(refusal(model), "");
}

TEST(RuleComparison, OnlyAFailureOfOneRecordAloneIsANote) {
  const auto failing = [](bool alone) {
    return loose({weight()}, {records()}, [alone](auto& p, auto& x) {
      if ((x[0].size(0) == 1) == alone) throw UsageError("[model] not meant for that many");
      return per_record(torch::linear(x[0], p[0]));
    });
  };
  const Model one = failing(true), all = failing(false);
  const RuleComparison result = compare_rules(one.parameters, {}, one.inputs, one.losses, {});
  ASSERT_EQ(result.notes.size(), 1u);
  EXPECT_TRUE(says(result.notes[0], {"one record alone fails", "not meant"}));
  EXPECT_THROW(compare_rules(all.parameters, {}, all.inputs, all.losses, {}), UsageError);
}

TEST(CustomRule, WithoutOneTheOperatorIsRefusedByName) {
  EXPECT_TRUE(says(refusal(model_with("mine::unruled")), {"mine::unruled", "weight1", "custom_rule.h"}));
}

// A function that is no operator cannot have a rule, and is refused by its own name.
TEST(CustomRule, AFunctionThatIsNoOperatorIsRefusedByName) {
  const auto message = refusal(loose({weight(), torch::ones({1})}, {records()}, [](auto& p, auto& x) {
    return per_record(swish(torch::linear(x[0], p[0]), p[1]));
  }));
  EXPECT_TRUE(says(message, {"Swish", "custom autograd function", "TORCH_LIBRARY"})) << message;
}

// A rule that gives half of the gradient of its parameter: neither the analysis nor the probe asks the rule.
TEST(CustomRule, AWrongGradientIsFoundOutByTheComparisonWithAutograd) {
  register_custom_rule(
      {.name = "mine::half",
       .transfer = [](const OperatorCall& of) -> OutputPositions { return {of.position(0)}; },
       .use = [](const OperatorCall& of, size_t argument, BatchPosition output) -> std::unique_ptr<ParameterUse> {
         if (argument != 1) return nullptr;
         return make_direct_use([x = of.tensor(0).detach(), slope = of.tensor(1).detach(), output,
                                 batch = of.batch](const Tensor& gradient) {
           const Tensor s = at::sigmoid(x * slope);
           return batch_first(0.5 * gradient * x * x * s * (1 - s), output, batch).reshape({batch, -1}).sum(1, true);
         });
       }});
  torch::manual_seed(3);
  const Tensor frozen = weight(), slope = torch::ones({1}).requires_grad_();
  const Explanation explanation = explain_model({{"slope", slope}}, {frozen}, {{.sizes = {5}}}, [&](const Tensors& x) {
    return per_record(call("mine::half", torch::linear(x[0], frozen), slope));
  });
  EXPECT_FALSE(explanation.accepted());
  EXPECT_TRUE(says(to_text(explanation), {"slope", "compare_rules", "autograd with one record at a time"}))
      << to_text(explanation);
}

// The analysis believes a rule; the probe does not.
TEST(CustomRule, AWrongRuleIsFoundOutByTheProbe) {
  register_custom_rule(
      {.name = "mine::wrong", .transfer = [](const OperatorCall& of) -> OutputPositions { return {of.position(0)}; }});
  const Tensor parameter = weight().requires_grad_();
  const Explanation explanation = explain_model({{"weight", parameter}}, {}, {{.sizes = {5}}}, [&](const Tensors& x) {
    const Tensor y = c10::Dispatcher::singleton()
                         .findSchemaOrThrow("mine::wrong", "")
                         .typed<Tensor(const Tensor&)>()
                         .call(torch::linear(x[0], parameter));
    return per_record(y);
  });
  ASSERT_EQ(explanation.problems.size() > 0, true);
  EXPECT_TRUE(says(explanation.problems[0], {"[probe]", "other records of its batch change"}));
}

std::string registering(const CustomRule& rule) {
  try {
    register_custom_rule(rule);
  } catch (const UsageError& error) {
    return error.what();
  }
  return "";
}

TEST(CustomRule, RegistersEachNameOnceAndOnlyOperatorsThatExist) {
  register_once();
  const TransferRule keep = [](const OperatorCall& of) -> OutputPositions { return {of.position(0)}; };
  EXPECT_TRUE(says(registering({.name = "mine::swish", .transfer = keep}), {"mine::swish", "already"}));
  EXPECT_TRUE(says(registering({.name = "mine::absent", .transfer = keep}), {"no operator", "mine::absent"}));
  EXPECT_TRUE(says(registering({.name = "", .transfer = keep}), {"no operator"}));
  EXPECT_TRUE(says(registering({.name = "aten::linear", .transfer = keep}), {"cannot be replaced"}));
  EXPECT_TRUE(says(registering({.name = "mine::unruled"}), {"no transfer rule"}));
}

}  // namespace
}  // namespace sotto::optim::testing

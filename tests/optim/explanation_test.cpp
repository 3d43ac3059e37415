// The table of a run: operators, places of the batch, rules and strategies of the parameters, and the verdict.

#include <sotto/optim/custom_rule.h>
#include <torch/library.h>
#include <torch/script.h>

#include <nlohmann/json.hpp>

#include "recorder_models.h"

namespace sotto::optim::testing {
namespace {

Explanation explained(const Model& model) {
  Tape tape(model.parameters, model.constants);
  return tape.explain(model.inputs, model.losses);
}

const ExplainedOperator* row(const Explanation& explanation, const std::string& name) {
  for (const ExplainedOperator& each : explanation.operators) {
    if (each.name == name) return &each;
  }
  return nullptr;
}

TEST(Explanation, ShowsOperatorsShapesAndWhereTheBatchLives) {
  const Explanation explanation = explained(loose({weight()}, {records({kRecords, 7, 5})}, [](auto& p, auto& x) {
    return per_record(torch::linear(x[0].transpose(0, 1), p[0]).transpose(0, 1));
  }));
  EXPECT_EQ(explanation.verdict, Evidence::proven);
  EXPECT_TRUE(explanation.accepted());
  EXPECT_EQ(explanation.batch, kRecords);
  const ExplainedOperator* linear = row(explanation, "aten::linear");
  ASSERT_NE(linear, nullptr);
  EXPECT_EQ(linear->rule, "keeps records apart");
  EXPECT_EQ(linear->outputs.at(0).sizes, (std::vector<int64_t>{7, kRecords, 3}));
  EXPECT_EQ(linear->outputs.at(0).position, (BatchPosition{1, 1, 1}));
  EXPECT_EQ(shape_text(linear->outputs[0], kRecords), "[7, 4 records, 3]");
}

TEST(Explanation, ShowsRuleAndStrategyOfEveryUseOfEveryParameter) {
  const Explanation explanation =
      explained(loose({weight({4, 5}), weight({4}), weight({3, 4})}, {records()}, [](auto& p, auto& x) {
        return per_record(torch::linear(torch::linear(x[0], p[0], p[1]).tanh(), p[2].contiguous()));
      }));
  ASSERT_EQ(explanation.parameters.size(), 3u);
  for (const ExplainedParameter& parameter : explanation.parameters) {
    ASSERT_EQ(parameter.uses.size(), 1u) << parameter.name;
    EXPECT_EQ(parameter.uses[0].operator_name, "aten::linear");
    EXPECT_EQ(parameter.uses[0].form, "itself");
    EXPECT_EQ(parameter.uses[0].rule, "per-record rule");
  }
  EXPECT_EQ(explanation.parameters[0].uses[0].strategy, "rank-one");
  EXPECT_EQ(explanation.parameters[0].uses[0].argument, 1);
  EXPECT_EQ(explanation.parameters[1].uses[0].argument, 2);
  nn::Sequential net(nn::Linear(5, 4), nn::Tanh(), nn::Linear(4, 3));
  const Explanation of_modules = explained(module_model(net, {records()}));
  EXPECT_EQ(of_modules.parameters[2].name, "2.weight");
  EXPECT_EQ(row(of_modules, "aten::addmm")->module, "0");
}

TEST(Explanation, TiedAndComputedParametersAreToldApart) {
  const Explanation explanation = explained(loose({weight({3, 5}), weight({3, 5})}, {records()}, [](auto& p, auto& x) {
    const Tensor y = torch::linear(x[0], p[0]) + torch::linear(x[0], p[0]);
    return per_record(y.mm(p[0]) + x[0] * 0 + torch::linear(y, (p[1] * 2.0).t()));
  }));
  ASSERT_TRUE(explanation.accepted()) << to_text(explanation);
  EXPECT_EQ(explanation.parameters[0].uses.size(), 3u);
  EXPECT_EQ(explanation.parameters[1].uses.at(0).form, "function of parameters");
}

TEST(Explanation, OfARefusedModelGoesOnBehindTheRefusal) {
  const Explanation explanation = explained(loose({weight(), weight({3})}, {records()}, [](auto& p, auto& x) {
    const Tensor y = torch::linear(x[0], p[0]).tanh();
    return per_record((y - y.mean(0)) * p[1]);
  }));
  EXPECT_EQ(explanation.verdict, Evidence::refused);
  EXPECT_FALSE(explanation.accepted());
  ASSERT_EQ(explanation.problems.size(), 1u);
  EXPECT_TRUE(says(explanation.problems[0], {"aten::mean", "combines different records"}));
  ASSERT_NE(row(explanation, "aten::mean"), nullptr);
  EXPECT_EQ(row(explanation, "aten::mean")->rule, "refused");
  EXPECT_EQ(explanation.operators.back().name, "aten::sum");
  EXPECT_NE(row(explanation, "aten::tanh"), nullptr);
  EXPECT_EQ(explanation.parameters[0].uses.at(0).rule, "per-record rule");
}

// An operator that keeps records apart, without a rule for parameters.
TORCH_LIBRARY(explained, m) {
  m.def("scale(Tensor x, Tensor by) -> Tensor", [](const Tensor& x, const Tensor& by) { return x * by; });
}

Tensor scale(const Tensor& x, const Tensor& by) {
  return c10::Dispatcher::singleton()
      .findSchemaOrThrow("explained::scale", "")
      .typed<Tensor(const Tensor&, const Tensor&)>()
      .call(x, by);
}

TEST(Explanation, ListsAllParametersWithoutARuleAtOnce) {
  register_custom_rule({.name = "explained::scale",
                        .transfer = [](const OperatorCall& call) -> OutputPositions { return {call.position(0)}; }});
  const Explanation explanation =
      explained(loose({weight(), weight({3}), weight({3}), weight({3})}, {records()}, [](auto& p, auto& x) {
        return per_record(scale(scale(torch::linear(x[0], p[0]), p[1]), p[2]));
      }));
  ASSERT_EQ(explanation.problems.size(), 3u);
  EXPECT_FALSE(explanation.accepted());
  EXPECT_TRUE(says(explanation.problems[0], {"weight1", "explained::scale", "no per-record gradient rule"}));
  EXPECT_TRUE(says(explanation.problems[1], {"weight2", "explained::scale", "no per-record gradient rule"}));
  EXPECT_TRUE(says(explanation.problems[2], {"weight3", "no influence"}));
  EXPECT_EQ(explanation.parameters[1].uses.at(0).rule, "none");
  EXPECT_TRUE(says(to_text(explanation), {"problem: ", "weight3    [3]     nothing", "refused"}));
}

TEST(Explanation, WhatTheModelThrowsIsAProblem) {
  const Explanation explanation = explained(
      loose({weight()}, {records()}, [](auto&, auto&) -> Tensor { throw std::runtime_error("no such layer"); }));
  EXPECT_FALSE(explanation.accepted());
  EXPECT_TRUE(says(explanation.problems.at(0), {"no such layer"}));
}

TEST(Explanation, NamesModuleAndSourceOfTorchScript) {
  torch::jit::Module inner("Inner");
  inner.register_parameter("weight", weight().requires_grad_(), false);
  inner.define("def forward(self, x):\n    y = torch.linear(x, self.weight)\n    return y - y.mean(0)\n");
  torch::jit::Module outer("Outer");
  outer.register_module("head", inner);
  outer.define("def forward(self, x):\n    y = self.head.forward(x)\n    return (y * y).sum(1)\n");
  Model model;
  for (const auto& item : outer.named_parameters()) model.parameters.push_back({item.name, item.value});
  model.inputs = {records()};
  model.losses = [&](const Tensors& x) { return outer.forward({x[0]}).toTensor(); };
  const Explanation explanation = explained(model);
  ASSERT_EQ(explanation.problems.size(), 1u);
  EXPECT_TRUE(says(explanation.problems[0], {"aten::mean", "head"})) << explanation.problems[0];
  EXPECT_EQ(row(explanation, "aten::mean")->module, "head");
}

TEST(Explanation, NamesTheModuleBeforeARefusedOperator) {
  nn::Sequential net(nn::Linear(5, 4), nn::Functional([](const Tensor& y) { return y - y.mean(0); }), nn::Linear(4, 3));
  const Explanation explanation = explained(module_model(net, {records()}));
  EXPECT_TRUE(says(explanation.problems.at(0), {"aten::mean", "after module 0"}));
}

TEST(Explanation, JsonHoldsWhatTheTableShows) {
  const Explanation explanation =
      explained(loose({weight()}, {records()}, [](auto& p, auto& x) { return per_record(torch::linear(x[0], p[0])); }));
  const auto json = nlohmann::json::parse(to_json(explanation));
  EXPECT_EQ(json["verdict"], "proven");
  EXPECT_EQ(json["accepted"], true);
  EXPECT_EQ(json["batch"], kRecords);
  EXPECT_EQ(json["operators"][0]["name"], "aten::linear");
  EXPECT_EQ(json["operators"][0]["outputs"][0]["records"]["dim"], 0);
  EXPECT_EQ(json["parameters"][0]["uses"][0]["operator"], "aten::linear");
  const std::string text = to_text(explanation);
  EXPECT_TRUE(says(text, {"aten::linear", "[4 records, 3]", "weight0", "rank-one", "accepted"}));
}

// The run that computes gradients may take another way than the one that was shown.
TEST(Explanation, TakesAModelThatUsesMoreOrLessInItsSecondRun) {
  for (const bool more : {false, true}) {
    int run = 0;
    const Model model = loose({weight({5, 5}), weight({5, 5})}, {records()}, [&run, more](auto& p, auto& x) {
      const Tensor y = torch::linear(x[0], p[0]);
      return per_record((run++ > 0) == more ? torch::linear(y.tanh(), p[1]) + torch::linear(y, p[0]) : y);
    });
    const Explanation explanation = explained(model);
    ASSERT_EQ(explanation.parameters.size(), 2u);
    EXPECT_EQ(explanation.parameters[0].uses.size(), more ? 1u : 2u);
    EXPECT_EQ(explanation.parameters[1].uses.size(), more ? 0u : 1u);
  }
}

TEST(Explanation, AUseOfTwoParametersIsBookedOnce) {
  const Explanation explanation =
      explained(loose({weight({3, 5}), weight({3, 5})}, {records({kRecords, 7, 5})},
                      [](auto& p, auto& x) { return per_record(torch::linear(x[0], p[0] * p[1])); }));
  ASSERT_EQ(explanation.parameters[0].uses.size(), 1u);
  ASSERT_EQ(explanation.parameters[1].uses.size(), 1u);
  // The product's rows, [4, 15], or its factors, [4, 7, 3 + 5], in float.
  const int64_t held = explanation.parameters[0].uses[0].held_bytes;
  EXPECT_TRUE(held == 4 * 15 * 4 || held == 4 * 7 * 8 * 4) << held;
  EXPECT_EQ(explanation.parameters[1].uses[0].held_bytes, 0);
  EXPECT_EQ(explanation.parameters[1].uses[0].seconds, 0.0);
}

// Rows of 15 elements, factors of 7 (3 + 5).
TEST(Explanation, AStrategyThatWasAskedForHasItsOwnFigures) {
  const Model model = loose({weight({3, 5})}, {records({kRecords, 7, 5})},
                            [](auto& p, auto& x) { return per_record(torch::linear(x[0], p[0])); });
  for (const auto& [strategy, elements] : {std::pair{Strategy::keep, 15}, {Strategy::gram, 56}, {Strategy::drop, 56}}) {
    Tape tape(model.parameters, {}, {}, {.force_strategy = strategy});
    EXPECT_EQ(tape.explain(model.inputs, model.losses).parameters[0].uses[0].held_bytes, kRecords * elements * 4)
        << to_string(strategy);
  }
}

// Each parameter's rows are of its own dtype.
TEST(Explanation, FiguresFollowTheDtypeOfEachParameter) {
  const Model model =
      loose({weight({3, 5}), weight({3, 5}).to(torch::kDouble)}, {records({kRecords, 7, 5})}, [](auto& p, auto& x) {
        return per_record(torch::linear(x[0], p[0])).to(torch::kDouble) +
               per_record(torch::linear(x[0].to(torch::kDouble), p[1]));
      });
  Tape tape(model.parameters, {}, {}, {.force_strategy = Strategy::keep});
  const Explanation explanation = tape.explain(model.inputs, model.losses);
  EXPECT_EQ(explanation.parameters[0].uses.at(0).held_bytes, kRecords * 15 * 4);
  EXPECT_EQ(explanation.parameters[1].uses.at(0).held_bytes, kRecords * 15 * 8);
}

}  // namespace
}  // namespace sotto::optim::testing

// Rules that lie about the gradient of a parameter, each in one way only, are found out by autograd on one record
// alone.

#include <sotto/optim/custom_rule.h>
#include <sotto/optim/rule_comparison.h>
#include <torch/library.h>

#include <limits>

#include "private_training_fixture.h"
#include "recorder_models.h"

namespace sotto::optim::testing {
namespace {

TORCH_LIBRARY(compared, m) {
  m.def("scaled(Tensor x, Tensor slope) -> Tensor");
}
TORCH_LIBRARY_IMPL(compared, Autograd, m) {
  m.impl("scaled", [](const Tensor& x, const Tensor& slope) { return x * slope; });
}

// What the rule of x * slope makes of the rows, the norms and the sum of the gradient of the slope, [1].
struct Lie {
  std::function<Tensor(const Tensor&)> rows = [](const Tensor& made) { return made; };
  double norm = 1, sum = 1;
};
Lie lie;

class SlopeUse final : public ParameterUse {
 public:
  explicit SlopeUse(Tensor x) : x_(std::move(x)) {}
  void bind(Tensor gradient) override { rows_ = lie.rows((gradient * x_).flatten(1).sum(1, true)); }
  Tensor per_record(int64_t begin, int64_t end) override { return rows_.slice(0, begin, end); }
  void add_squared_norms(SquaredNorms& norms) override {
    norms.computed.add_(rows_.pow(2).sum(1), lie.norm * lie.norm);
  }
  void add_weighted(const Tensor& weights, Tensor& total) override { total.add_(rows_.t().mv(weights), lie.sum); }
  Strategy strategy() const override { return Strategy::drop; }

 private:
  Tensor x_, rows_;
};

Tensor scaled(const Tensor& x, const Tensor& slope) {
  static const bool registered = [] {
    register_custom_rule(
        {.name = "compared::scaled",
         .transfer = [](const OperatorCall& of) -> OutputPositions { return {of.position(0)}; },
         .use = [](const OperatorCall& of, size_t argument, BatchPosition) -> std::unique_ptr<ParameterUse> {
           return argument == 1 ? std::make_unique<SlopeUse>(of.tensor(0).detach()) : nullptr;
         }});
    return true;
  }();
  (void)registered;
  return c10::Dispatcher::singleton()
      .findSchemaOrThrow("compared::scaled", "")
      .typed<Tensor(const Tensor&, const Tensor&)>()
      .call(x, slope);
}

// Records a, -a, b, -b and losses that are linear in them: the gradients of a pair differ in sign alone.
RuleComparison comparison(double first = 1) {
  torch::manual_seed(6);
  const Tensor half = records({2, 5});
  half[0][0] *= first;
  const Model model = loose({torch::ones({1})}, {torch::stack({half, -half}, 1).reshape({4, 5})},
                            [](auto& p, auto& x) { return scaled(x[0], p[0]).sum(1); });
  return compare_rules(model.parameters, {}, model.inputs, model.losses, {});
}

TEST(RuleComparison, ARuleThatTellsTheTruthIsBelieved) {
  lie = {};
  const RuleComparison result = comparison();
  EXPECT_TRUE(result.problems.empty());
  EXPECT_TRUE(result.notes.empty());
}

TEST(RuleComparison, AWrongNormIsFoundOutWhereTheSumIsRight) {
  for (const double factor : {0.5, 0.9, 1.1, 2.0}) {
    lie = {.norm = factor};
    const RuleComparison result = comparison();
    ASSERT_EQ(result.problems.size(), 1u) << factor;
    EXPECT_TRUE(says(result.problems[0], {"the norm of a made-up record's gradient", "by autograd"}));
  }
}

TEST(RuleComparison, AWrongSumIsFoundOutWhereTheNormIsRight) {
  for (const double factor : {-1.0, 0.5, 2.0}) {
    lie = {.sum = factor};
    const RuleComparison result = comparison();
    ASSERT_EQ(result.problems.size(), 1u) << factor;
    EXPECT_TRUE(says(result.problems[0], {"weight0", "one record at a time"}));
  }
}

// A parameter whose gradient is small beside the others' is looked at by itself.
TEST(RuleComparison, AWrongSumOfASmallGradientIsFoundOut) {
  torch::manual_seed(6);
  const Model model = loose({torch::ones({5}), torch::ones({1})}, {records({4, 5})},
                            [](auto& p, auto& x) { return 30 * (x[0] * p[0]).sum(1) + scaled(x[0], p[1]).sum(1); });
  const auto problems_with = [&](double sum) {
    lie = {.sum = sum};
    return compare_rules(model.parameters, {}, model.inputs, model.losses, {}).problems;
  };
  EXPECT_TRUE(problems_with(1).empty());
  ASSERT_EQ(problems_with(0.5).size(), 1u);
  EXPECT_TRUE(says(problems_with(0.5)[0], {"weight1"}));
}

// Every norm is right, and so is the sum of all gradients.
TEST(RuleComparison, GradientsOfExchangedRecordsAreFoundOut) {
  lie = {.rows = [](const Tensor& made) { return made.view({2, 2, 1}).flip(1).reshape({4, 1}); }};
  const RuleComparison result = comparison();
  ASSERT_EQ(result.problems.size(), 1u);
  EXPECT_TRUE(says(result.problems[0], {"weight0", "one record at a time"}));
}

TEST(RuleComparison, OnlyWhatIsNotFiniteOnBothSidesIsANote) {
  lie = {.rows = [](const Tensor& made) { return made * std::numeric_limits<double>::quiet_NaN(); }};
  EXPECT_FALSE(comparison().problems.empty());
  lie = {.rows = [](const Tensor& made) { return made.nan_to_num(0, 0, 0); }};
  EXPECT_FALSE(comparison(std::numeric_limits<double>::infinity()).problems.empty());
  lie = {};
  const RuleComparison result = comparison(std::numeric_limits<double>::infinity());
  EXPECT_TRUE(result.problems.empty());
  ASSERT_EQ(result.notes.size(), 1u);
  EXPECT_TRUE(says(result.notes[0], {"not finite"}));
}

}  // namespace
}  // namespace sotto::optim::testing

namespace sotto::optim {
namespace {

TEST_F(PrivateTrainingTest, RefusesAWrongRuleBeforeARecordIsReadOrAStepIsCharged) {
  testing::lie = {.norm = 0.5};
  Tensor slope = torch::ones({1}).requires_grad_();
  torch::optim::SGD optimizer({slope}, 0.1);
  Records records = tensor_records(data());
  int fetches = 0;
  records.fetch = [inner = records.fetch, &fetches](const Tensor& indices) {
    ++fetches;
    return inner(indices);
  };
  PrivateTraining training({{"slope", slope}}, optimizer, records, options());
  std::string message;
  try {
    training.step([&](const std::vector<Tensor>& batch) { return testing::scaled(batch[0], slope).sum(1); });
  } catch (const UsageError& error) {
    message = error.what();
  }
  EXPECT_TRUE(contains(message, "[compare_rules]")) << message;
  EXPECT_EQ(fetches, 0);
  EXPECT_EQ(training.steps_charged(), 0);
}

}  // namespace
}  // namespace sotto::optim

// The analysis of a step that runs like the one before is taken from it; anything that differs is analysed again.

#include "recorder_models.h"

namespace sotto::optim::testing {
namespace {

struct Rerun {
  explicit Rerun(const Model& of) : model(of), tape(of.parameters, of.constants) {}
  std::string run() { return run(model.inputs); }
  std::string run(const Tensors& inputs) {
    const int64_t asked = tape.verdicts().asked();
    const int64_t found = tape.verdicts().found();
    std::string message;
    try {
      tape.run(inputs, model.losses);
    } catch (const UsageError& error) {
      message = error.what();
    }
    last_asked = tape.verdicts().asked() - asked;
    last_found = tape.verdicts().found() - found;
    return message;
  }
  const Model& model;
  Tape tape;
  int64_t last_asked = 0;
  int64_t last_found = 0;
};

TEST(VerdictCache, AnswersForTheWholeOfASecondRun) {
  const Model model = loose({weight()}, {records({kRecords, 7, 5})}, [](auto& p, auto& x) {
    return per_record(torch::linear(x[0].transpose(0, 1), p[0]).softmax(2).transpose(0, 1));
  });
  Rerun again(model);
  EXPECT_EQ(again.run(), "");
  EXPECT_EQ(again.last_found, 0);
  EXPECT_GT(again.last_asked, 4);
  EXPECT_EQ(again.run({records({kRecords, 7, 5})}), "");  // other values, the same record
  EXPECT_EQ(again.last_found, again.last_asked);
}

TEST(VerdictCache, IsNotAskedAboutAnotherShape) {
  const Model model =
      loose({weight()}, {records()}, [](auto& p, auto& x) { return per_record(torch::linear(x[0], p[0]).softmax(1)); });
  Rerun again(model);
  EXPECT_EQ(again.run(), "");
  EXPECT_EQ(again.run({records({kRecords + 1, 5})}), "");
  EXPECT_EQ(again.last_found, 0);
  EXPECT_EQ(again.run({records({5, kRecords + 1}).t()}), "");  // the same sizes, other strides
  EXPECT_LT(again.last_found, again.last_asked);
}

// The same operators on the same shapes; a dimension, a flag or another tensor makes the difference.
TEST(VerdictCache, DoesNotOverlookWhatMixesRecordsLater) {
  const auto changes = [](auto change, Tensors inputs) {
    int step = 0;
    const Model model = loose({weight({4, 4})}, std::move(inputs), [&step, change](auto& p, auto& x) {
      return per_record(change(torch::linear(x[0], p[0]), x[0], step++ > 1));
    });
    Rerun again(model);
    EXPECT_EQ(again.run(), "");
    EXPECT_EQ(again.run(), "");
    EXPECT_EQ(again.last_found, again.last_asked);
    return again.run();
  };
  const Tensors square = {records({4, 4})};
  EXPECT_TRUE(says(changes([](const Tensor& y, const Tensor&, bool later) { return y.softmax(later ? 0 : 1); }, square),
                   {"softmax", "combines different records"}));
  EXPECT_TRUE(
      says(changes([](const Tensor& y, const Tensor&, bool later) { return y - y.mean(later ? 0 : 1, true); }, square),
           {"aten::mean", "combines different records"}));
  // The arguments of the sum are the same in sizes and strides: only where they come from tells them apart.
  EXPECT_TRUE(says(changes(
                       [](const Tensor& y, const Tensor& x, bool later) {
                         const Tensor straight = x * 1.0;
                         const Tensor turned = x.t().contiguous();
                         return y + (later ? turned : straight);
                       },
                       square),
                   {"aten::add"}));
}

// The same tensors at other places of the list: columns of every record in one step, other records in the next.
TEST(VerdictCache, TellsWhichDimensionAnIndexIsFor) {
  int step = 0;
  const Model model = loose({weight({4, 4})}, {records({4, 4})}, [&step](auto& p, auto& x) {
    const Tensor index = torch::arange(4);
    c10::List<std::optional<Tensor>> indices;
    if (step++ == 0) indices.push_back(std::nullopt);
    indices.push_back(index);
    return per_record(at::index(torch::linear(x[0], p[0]), indices));
  });
  Rerun again(model);
  EXPECT_EQ(again.run(), "");
  EXPECT_TRUE(says(again.run(), {"aten::index"}));
}

// What a rule read from a tensor's values is read again every time.
TEST(VerdictCache, LooksAtValuesEveryTime) {
  Tensor constant = torch::ones({kRecords, 3});
  const Model model =
      loose({weight()}, {records()},
            [constant](auto& p, auto& x) { return per_record(torch::linear(x[0], p[0]) * constant); }, {constant});
  Rerun again(model);
  EXPECT_EQ(again.run(), "");
  EXPECT_EQ(again.run(), "");
  EXPECT_LT(again.last_found, again.last_asked);
  constant[1][0] = 2.0;
  EXPECT_TRUE(says(again.run(), {"aten::mul", "place in the batch"}));
}

}  // namespace
}  // namespace sotto::optim::testing

// Every step is analysed on its own: what an earlier one showed says nothing of this one.

#include "recorder_models.h"

namespace sotto::optim::testing {
namespace {

std::string refusal_of(Tape& tape, const Model& model) {
  try {
    tape.run(model.inputs, model.losses);
  } catch (const UsageError& error) {
    return error.what();
  }
  return "";
}

// The same operators on the same shapes; a dimension, or where an argument comes from, makes the difference.
TEST(Recorder, RefusesWhatMixesRecordsInALaterStepOnly) {
  const auto third_step = [](auto change) {
    int step = 0;
    const Model model = loose({weight({4, 4})}, {records({4, 4})}, [&step, change](auto& p, auto& x) {
      return per_record(change(torch::linear(x[0], p[0]), x[0], step++ == 2));
    });
    Tape tape(model.parameters, model.constants);
    EXPECT_EQ(refusal_of(tape, model), "");
    EXPECT_EQ(refusal_of(tape, model), "");
    return refusal_of(tape, model);
  };
  EXPECT_TRUE(says(third_step([](const Tensor& y, const Tensor&, bool later) { return y.softmax(later ? 0 : 1); }),
                   {"softmax", "combines different records"}));
  EXPECT_TRUE(says(third_step([](const Tensor& y, const Tensor& x, bool later) {
                     const Tensor straight = x * 1.0;
                     const Tensor turned = x.t().contiguous();
                     return y + (later ? turned : straight);
                   }),
                   {"aten::add"}));
}

TEST(Recorder, ReadsTheValuesOfAConstantInEveryStep) {
  Tensor constant = torch::ones({kRecords, 3});
  const Model model =
      loose({weight()}, {records()},
            [constant](auto& p, auto& x) { return per_record(torch::linear(x[0], p[0]) * constant); }, {constant});
  Tape tape(model.parameters, model.constants);
  EXPECT_EQ(refusal_of(tape, model), "");
  constant[1][0] = 2.0;
  EXPECT_TRUE(says(refusal_of(tape, model), {"aten::mul", "place in the batch"}));
}

}  // namespace
}  // namespace sotto::optim::testing

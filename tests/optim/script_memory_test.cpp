// Parameters of a TorchScript file that share memory: one tensor under two names is one parameter, a part of another is
// refused.

#include <sotto/models/script_model.h>
#include <torch/csrc/jit/api/module.h>

#include <functional>
#include <sstream>

#include "recorder_models.h"

namespace sotto::optim::testing {
namespace {

using models::load_script_model, models::TrainableModel;

// The file of a model with these two tensors, and with one that is neither parameter nor buffer.
std::string file_of(const Tensor& first, const Tensor& second, bool second_is_buffer, const Tensor& attribute) {
  torch::jit::Module module("shared");
  module.register_parameter("first", first, false);
  second_is_buffer ? module.register_buffer("second", second) : module.register_parameter("second", second, false);
  module.register_attribute("extra", c10::TensorType::get(), attribute);
  module.define("def forward(self, x):\n    return torch.linear(torch.linear(x, self.first), self.second)\n");
  std::ostringstream stream;
  module.save(stream);
  return stream.str();
}

std::string file_of(const Tensor& first, const Tensor& second, bool second_is_buffer = false) {
  return file_of(first, second, second_is_buffer, torch::ones({1}));
}

std::string file_refusal(const std::string& bytes) {
  try {
    load_script_model(bytes, "shared");
  } catch (const DataError& error) {
    return error.what();
  }
  return "";
}

Tensor leaf(const Tensor& tensor) {
  return tensor.detach().requires_grad_();
}

// [2, 5, 5]: two square weights after one another.
Tensor memory() {
  torch::manual_seed(4);
  return torch::randn({2, 5, 5});
}

TEST(ScriptMemory, OneTensorUnderTwoNamesIsOneParameterWithTheGradientOfBothUses) {
  const Tensor both = leaf(memory()[0]);
  for (const Tensor& second : {both, leaf(both)}) {
    const auto model = load_script_model(file_of(both, second), "shared");
    ASSERT_EQ(model->trainable().size(), 1u);
    Model recorded;
    for (const models::NamedTensor& named : model->trainable())
      recorded.parameters.push_back({named.name, named.tensor});
    for (const models::NamedTensor& named : model->constants()) recorded.constants.push_back(named.tensor);
    recorded.inputs = {records()};
    recorded.losses = [&model](const Tensors& x) { return per_record(model->forward(x[0])); };
    const Errors errors = compare(recorded);
    EXPECT_LT(errors.norm, 1e-5);
    EXPECT_LT(errors.weighted, 1e-5);
  }
}

// A parameter under the name of a buffer moves with it.
TEST(ScriptMemory, ATensorThatIsBothIsAParameter) {
  const Tensor both = leaf(memory()[0]);
  const auto model = load_script_model(file_of(both, both.detach(), true), "shared");
  ASSERT_EQ(model->trainable().size(), 1u);
  EXPECT_EQ(model->trainable()[0].name, "first");
  for (const models::NamedTensor& named : model->constants()) EXPECT_EQ(named.name, "extra");
}

// A list refers to a parameter, and it is no tensor beside it.
TEST(ScriptMemory, AParameterInAListIsTheParameter) {
  torch::jit::Module module("listed");
  const Tensor first = leaf(memory()[0]);
  module.register_parameter("first", first, false);
  module.register_attribute("all", c10::ListType::ofTensors(), c10::List<Tensor>({leaf(first)}));
  module.define("def forward(self, x):\n    return torch.linear(torch.linear(x, self.first), self.all[0])\n");
  std::ostringstream stream;
  module.save(stream);
  const auto model = load_script_model(stream.str(), "listed");
  ASSERT_EQ(model->trainable().size(), 1u);
  EXPECT_TRUE(model->constants().empty());
  torch::autograd::grad({model->forward(records()).sum()}, {model->trainable()[0].tensor});
}

TEST(ScriptMemory, ATensorThatIsNotDenseIsRefused) {
  const Tensor all = memory();
  EXPECT_TRUE(says(file_refusal(file_of(leaf(all[0].clone()), leaf(all[1].clone()), false, torch::eye(3).to_sparse())),
                   {"extra", "is not dense"}));
}

TEST(ScriptMemory, APartOfAParametersMemoryIsRefused) {
  const Tensor all = memory();
  EXPECT_EQ(file_refusal(file_of(leaf(all[0].clone()), leaf(all[1].clone()))), "");
  const std::vector<std::string> shared = {
      file_of(leaf(all[0]), leaf(all[1])),                                                // beside one another
      file_of(leaf(all[0]), leaf(all[0].t())),                                            // the same, transposed
      file_of(leaf(all[0]), all[0].t(), true),                                            // a buffer
      file_of(leaf(all[0]), leaf(all[1].clone()), false, all.flatten().slice(0, 20, 30))  // neither
  };
  for (size_t f = 0; f < shared.size(); ++f) {
    const auto message = file_refusal(shared[f]);
    EXPECT_TRUE(says(message, {"first", "share a part of their memory"})) << f << ": " << message;
  }
}

TEST(ScriptMemory, ATensorThatIsTrainedButNoParameterIsRefused) {
  const Tensor all = memory();
  EXPECT_TRUE(says(file_refusal(file_of(leaf(all[0].clone()), leaf(all[1].clone()), false, leaf(torch::ones({2})))),
                   {"extra", "requires grad but is no parameter"}));
}

}  // namespace
}  // namespace sotto::optim::testing

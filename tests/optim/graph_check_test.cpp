// Code of the program that would run in the backward pass is found wherever autograd lets it be put.

#include <ATen/record_function.h>
#include <torch/csrc/autograd/function_hook.h>

#include "recorder_models.h"

namespace sotto::optim::testing {
namespace {

using torch::autograd::variable_list;

Tensor averaged(const Tensor& gradient) {
  return gradient.mean(0, true).expand_as(gradient);
}

struct Before final : torch::autograd::FunctionPreHook {
  variable_list operator()(const variable_list& gradients) override { return {averaged(gradients[0])}; }
};

struct After final : torch::autograd::FunctionPostHook {
  variable_list operator()(const variable_list& outputs, const variable_list&) override {
    variable_list result = outputs;
    result[0] = averaged(result[0]);
    return result;
  }
};

// The losses of a layer whose activation's node is handed to `hook`.
Model hooked(const std::function<void(const Tensor&)>& hook) {
  return loose({weight()}, {records()}, [hook](auto& p, auto& x) {
    const Tensor y = torch::linear(x[0], p[0]) * 2.0;
    hook(y);
    return per_record(y);
  });
}

TEST(GraphCheck, RefusesHooksOfTensorsAndOfNodes) {
  EXPECT_EQ(refusal(hooked([](const Tensor&) {})), "");
  const std::vector<std::function<void(const Tensor&)>> hooks = {
      [](const Tensor& y) { y.register_hook(averaged); },
      [](const Tensor& y) { y.grad_fn()->add_pre_hook(std::make_unique<Before>()); },
      [](const Tensor& y) { y.grad_fn()->add_post_hook(std::make_unique<After>()); },
  };
  for (size_t h = 0; h < hooks.size(); ++h) {
    const auto message = refusal(hooked(hooks[h]));
    EXPECT_TRUE(says(message, {"gradient hook", "MulBackward"})) << h << ": " << message;
  }
}

// Doubles its argument in place; its backward pass gives every record the same gradient.
struct Doubled : torch::autograd::Function<Doubled> {
  static Tensor forward(torch::autograd::AutogradContext* context, Tensor x) {
    x.mul_(2.0);
    context->mark_dirty({x});
    return x;
  }
  static variable_list backward(torch::autograd::AutogradContext*, const variable_list& gradients) {
    return {averaged(gradients[0])};
  }
};

// There autograd puts a node of its own in front, which hides the function's.
TEST(GraphCheck, RefusesACustomFunctionThatChangesAView) {
  const auto message = refusal(loose({weight()}, {records()}, [](auto& p, auto& x) {
    const Tensor y = torch::linear(x[0], p[0]) * 1.0;
    Doubled::apply(y.slice(1, 0, 2));
    return per_record(y);
  }));
  EXPECT_TRUE(says(message, {"Doubled", "custom autograd function"})) << message;
}

// The recorder is not shown the operator; the graph is.
TEST(GraphCheck, RefusesAParameterThatAnOperatorConsumesUnseen) {
  const auto message = refusal(loose({weight(), torch::ones({3})}, {records()}, [](auto& p, auto& x) {
    const Tensor y = torch::linear(x[0], p[0]);
    {
      const at::DisableRecordFunctionGuard unseen;
      y.mul_(p[1]);
    }
    return per_record(y);
  }));
  EXPECT_TRUE(says(message, {"weight1", "consumed by MulBackward", "no recorded operator"})) << message;
}

}  // namespace
}  // namespace sotto::optim::testing

// What else the recorder refuses: losses, parameters and backward passes of which it cannot vouch, with a message that
// says what is meant and what to do.

#include <torch/script.h>

#include "recorder_models.h"

namespace sotto::optim::testing {
namespace {

// Losses.

TEST(Recorder, RefusesReducedLosses) {
  const auto make = [](auto loss) {
    return loose({weight()}, {records(), torch::randint(0, 3, {kRecords})},
                 [loss](auto& p, auto& x) { return loss(torch::linear(x[0], p[0]), x[1]); });
  };
  EXPECT_TRUE(
      says(refusal(make([](const Tensor& y, const Tensor& t) { return F::cross_entropy(y, t); })), {"reduction none"}));
  EXPECT_TRUE(says(refusal(make([](const Tensor& y, const Tensor&) { return F::mse_loss(y, torch::zeros_like(y)); })),
                   {"reduction none"}));
  EXPECT_TRUE(says(refusal(make([](const Tensor& y, const Tensor&) { return y.sum(); })), {"aten::sum"}));
  EXPECT_EQ(refusal(make([](const Tensor& y, const Tensor& t) {
              return F::cross_entropy(y, t, F::CrossEntropyFuncOptions().reduction(torch::kNone));
            })),
            "");
}

TEST(Recorder, RefusesLossesOfAnotherShape) {
  const auto make = [](auto shape) {
    return loose({weight()}, {records()}, [shape](auto& p, auto& x) { return shape(torch::linear(x[0], p[0])); });
  };
  EXPECT_TRUE(says(refusal(make([](const Tensor& y) { return y; })), {"one loss per record", "[4, 3]"}));
  EXPECT_TRUE(says(refusal(make([](const Tensor& y) { return y.pow(2).sum(1, true); })), {"one loss per record"}));
  EXPECT_TRUE(says(refusal(make([](const Tensor& y) { return y.reshape({-1}); })), {"one loss per record"}));
  EXPECT_TRUE(says(refusal(make([](const Tensor&) { return torch::zeros({kRecords}); })), {"carry no records"}));
  EXPECT_TRUE(says(refusal(make([](const Tensor&) { return Tensor(); })), {"undefined"}));
  EXPECT_TRUE(says(refusal(make([](const Tensor& y) { return per_record(y).detach(); })), {"do not depend"}));
}

TEST(Recorder, RefusesInputsThatDisagreeOrHoldOneRecord) {
  const Forward forward = [](auto& p, auto& x) { return per_record(torch::linear(x[0], p[0])); };
  EXPECT_TRUE(says(refusal(loose({weight()}, {records(), records({3, 5})}, forward)), {"disagree"}));
  EXPECT_TRUE(says(refusal(loose({weight()}, {records({1, 5})}, forward)), {"at least two places"}));
  EXPECT_TRUE(says(refusal(loose({weight()}, {torch::zeros({})}, forward)), {"at least one dimension"}));
}

TEST(Recorder, RefusesCapturedTensors) {
  const Tensor captured = torch::randn({3});
  const Forward forward = [captured](auto& p, auto& x) { return per_record(torch::linear(x[0], p[0]) + captured); };
  EXPECT_TRUE(says(refusal(loose({weight()}, {records()}, forward)), {"[3]", "constants"}));
  EXPECT_EQ(refusal(loose({weight()}, {records()}, forward, {captured})), "");
}

// Parameters: each use has a rule, each parameter has a use, and nothing else touches one.

TEST(Recorder, RefusesAParameterWithoutARule) {
  const auto message = refusal(loose({weight(), weight({3})}, {records()}, [](auto& p, auto& x) {
    return per_record(torch::fmod(torch::linear(x[0], p[0]), p[1]));
  }));
  EXPECT_TRUE(says(message, {"weight1", "aten::fmod", "no per-record gradient rule", "requires_grad_(false)"}));
}

TEST(Recorder, RefusesAnUnusedParameter) {
  const auto message = refusal(loose({weight(), weight(), weight()}, {records()},
                                     [](auto& p, auto& x) { return per_record(torch::linear(x[0], p[0])); }));
  EXPECT_TRUE(says(message, {"weight1, weight2", "no influence", "freeze"}));
}

TEST(Recorder, RefusesAParameterThatIsUsedDetached) {
  const auto message = refusal(loose({weight(), weight({3})}, {records()}, [](auto& p, auto& x) {
    return per_record(torch::linear(x[0], p[0]) * p[1].detach());
  }));
  EXPECT_TRUE(says(message, {"weight1", "no influence"}));
}

TEST(Recorder, RefusesAParameterChangedByTheModel) {
  const auto message = refusal(loose({weight()}, {records()}, [](auto& p, auto& x) {
    {
      torch::NoGradGuard no_grad;
      Tensor parameter = p[0];
      parameter.mul_(0.9);
    }
    return per_record(torch::linear(x[0], p[0]));
  }));
  EXPECT_TRUE(says(message, {"weight0", "aten::mul", "changes a parameter"}));
}

// What a tensor holds can be exchanged without any operator: here records are put into a buffer.
TEST(Recorder, RefusesAStorageThatWasReplaced) {
  const Tensor buffer = torch::ones({kRecords, 5});
  const auto message = refusal(loose({weight()}, {records()},
                                     [buffer](auto& p, auto& x) {
                                       buffer.set_data(x[0].detach());
                                       return per_record(torch::linear(x[0] * buffer, p[0]));
                                     },
                                     {buffer}));
  EXPECT_TRUE(says(message, {"set_data", "aten::mul"})) << message;
}

// Whatever is written once per physical batch shows how many there were, and so the number of records.
TEST(Recorder, RefusesWhatABatchWouldLeaveBehind) {
  const Tensor buffer = torch::zeros({3});
  const auto counting = refusal(loose({weight()}, {records()},
                                      [buffer](auto& p, auto& x) {
                                        Tensor target = buffer;
                                        target.add_(1);
                                        return per_record(torch::linear(x[0], p[0]) + buffer.detach() * 0);
                                      },
                                      {buffer}));
  EXPECT_TRUE(says(counting, {"buffer", "changed while the model ran"})) << counting;
  const auto alias = refusal(loose({weight()}, {records()}, [](auto& p, auto& x) {
    const Tensor losses = per_record(torch::linear(x[0], p[0]));
    p[0].detach().mul_(2);
    return losses;
  }));
  EXPECT_TRUE(says(alias, {"weight0", "changed while the model ran"})) << alias;
  const auto out = refusal(loose({weight()}, {records()}, [](auto& p, auto& x) {
    const Tensor losses = per_record(torch::linear(x[0], p[0]));
    torch::NoGradGuard no_grad;
    Tensor target = p[0];
    torch::mul_out(target, target, torch::full({1}, 2.0f));
    return losses;
  }));
  EXPECT_TRUE(says(out, {"weight0", "aten::mul"})) << out;
  const Tensor kept = torch::ones({kRecords, 5});
  const auto swapped = refusal(loose({weight()}, {records()},
                                     [kept](auto& p, auto& x) {
                                       const Tensor losses =
                                           per_record(torch::linear(x[0], p[0])) * (1 + kept.sum().sin());
                                       kept.set_data(x[0].detach());
                                       return losses;
                                     },
                                     {kept}));
  EXPECT_TRUE(says(swapped, {"changed while the model ran"})) << swapped;
}

// The gradient of the whole tensor does not pass through the node of a part of it.
TEST(Recorder, RefusesParametersWrittenIntoAView) {
  const auto part = refusal(loose({weight(), weight({1})}, {records()}, [](auto& p, auto& x) {
    const Tensor h = torch::linear(x[0], p[0]);
    h.slice(1, 0, 1).add_(p[1]);
    return per_record(h);
  }));
  EXPECT_TRUE(says(part, {"weight1", "aten::add", "view"})) << part;
}

// What LibTorch says about a mistake of the model is what the user reads.
TEST(Recorder, LeavesErrorsOfOperatorsAlone) {
  const Model model = loose({weight()}, {records({kRecords, 7})},
                            [](auto& p, auto& x) { return per_record(torch::linear(x[0], p[0])); });
  Tape tape(model.parameters, model.constants);
  std::string message;
  try {
    tape.run(model.inputs, model.losses);
  } catch (const std::exception& error) {
    message = error.what();
  }
  EXPECT_TRUE(says(message, {"shapes cannot be multiplied"})) << message;
}

TEST(Recorder, RefusesRecordsWrittenIntoAParameter) {
  const auto message = refusal(loose({weight({kRecords, 5})}, {records()}, [](auto& p, auto& x) {
    {
      torch::NoGradGuard no_grad;
      Tensor parameter = p[0];
      parameter.copy_(x[0]);
    }
    return per_record(torch::linear(x[0], p[0]));
  }));
  EXPECT_TRUE(says(message, {"weight0", "aten::copy", "into a parameter"}));
}

TEST(Recorder, RefusesEmbeddingsThatCountTheBatch) {
  const auto tokens = torch::randint(0, 7, {kRecords, 3});
  EXPECT_TRUE(says(refusal(module_model(nn::Embedding(nn::EmbeddingOptions(7, 5).scale_grad_by_freq(true)), {tokens})),
                   {"aten::embedding", "weight", "scale_grad_by_freq"}));
  EXPECT_TRUE(says(refusal(module_model(nn::Embedding(nn::EmbeddingOptions(7, 5).max_norm(1.0)), {tokens})),
                   {"aten::embedding_renorm", "weight"}));
}

TEST(Recorder, RefusesAnActivationThatWasOverwritten) {
  const auto message = refusal(loose({weight()}, {records()}, [](auto& p, auto& x) {
    Tensor activation = x[0] * 2.0;
    const Tensor y = torch::linear(activation, p[0]);
    activation.zero_();
    return per_record(y);
  }));
  EXPECT_TRUE(says(message, {"overwritten in place"}));
}

TEST(Recorder, RefusesParametersThatAreNoRealNumbers) {
  for (const auto dtype : {torch::kComplexFloat, torch::kComplexDouble}) {
    EXPECT_TRUE(says(refusal(loose({weight().to(dtype)}, {records().to(dtype)},
                                   [](auto& p, auto& x) { return per_record(torch::linear(x[0], p[0])); })),
                     {"weight0", "Float, Double, Half or BFloat16"}));
  }
}

TEST(Recorder, RefusesParametersThatCannotBeTrained) {
  const Tensor leaf = weight().requires_grad_();
  EXPECT_THROW(Tape({}, {}), UsageError);
  EXPECT_THROW(Tape({{"frozen", weight()}}, {}), UsageError);
  EXPECT_THROW(Tape({{"undefined", Tensor()}}, {}), UsageError);
  EXPECT_THROW(Tape({{"result", leaf * 2.0}}, {}), UsageError);
  EXPECT_THROW(Tape({{"one", leaf}, {"two", leaf}}, {}), UsageError);
  EXPECT_THROW(Tape({{"one", leaf}}, {}, {0, 0}), UsageError);
}

// Code of the program in the backward pass.

struct Scaled : torch::autograd::Function<Scaled> {
  static Tensor forward(torch::autograd::AutogradContext* context, Tensor x, Tensor parameter) {
    context->save_for_backward({x, parameter});
    return x * parameter;
  }
  static Tensors backward(torch::autograd::AutogradContext* context, Tensors gradients) {
    const auto saved = context->get_saved_variables();
    return {gradients[0] * saved[1], (gradients[0] * saved[0]).sum(0)};
  }
};

TEST(Recorder, RefusesACustomFunctionThatHoldsAParameter) {
  const auto message = refusal(loose({weight(), weight({3})}, {records()}, [](auto& p, auto& x) {
    return per_record(Scaled::apply(torch::linear(x[0], p[0]), p[1]));
  }));
  EXPECT_TRUE(says(message, {"Scaled", "custom autograd function"}));
}

struct MixedBackward : torch::autograd::Function<MixedBackward> {
  static Tensor forward(torch::autograd::AutogradContext*, Tensor x) { return x * 1.0; }
  static Tensors backward(torch::autograd::AutogradContext*, Tensors gradients) {
    return {gradients[0].mean(0, true).expand_as(gradients[0])};
  }
};

TEST(Recorder, RefusesACustomFunctionWhoseBackwardMixesRecords) {
  const auto message = refusal(loose({weight()}, {records()}, [](auto& p, auto& x) {
    return per_record(MixedBackward::apply(torch::linear(x[0], p[0])));
  }));
  EXPECT_TRUE(says(message, {"MixedBackward", "custom autograd function"}));
}

TEST(Recorder, RefusesGradientHooks) {
  const auto message = refusal(loose({weight()}, {records()}, [](auto& p, auto& x) {
    const Tensor y = torch::linear(x[0], p[0]);
    const Tensor z = y * 2.0;
    z.register_hook([](const Tensor& gradient) { return gradient.mean(0, true).expand_as(gradient); });
    return per_record(z);
  }));
  EXPECT_TRUE(says(message, {"gradient hook"}));
}

// TorchScript modules are seen through.

TEST(Recorder, FollowsTorchScript) {
  const auto make = [](const std::string& last) {
    auto module = std::make_shared<torch::jit::Module>("scripted");
    module->register_parameter("first", weight({6, 5}).requires_grad_(), false);
    module->register_parameter("second", weight({3, 6}).requires_grad_(), false);
    module->define(
        "def forward(self, x):\n    h = torch.tanh(torch.linear(x, self.first))\n    y = torch.linear(h, "
        "self.second)\n    return " +
        last + "\n");
    Model model;
    for (const auto& item : module->named_parameters()) model.parameters.push_back({item.name, item.value});
    model.inputs = {records()};
    model.losses = [module](const Tensors& x) { return module->forward({x[0]}).toTensor(); };
    return model;
  };
  const Model good = make("(y * y).sum(1)");
  for (int run = 0; run < 4; ++run) EXPECT_EQ(refusal(good), "") << run;  // an executor would optimise after the first
  const Errors errors = compare(good);
  EXPECT_LT(errors.norm, 1e-5);
  EXPECT_LT(errors.weighted, 1e-5);
  EXPECT_TRUE(says(refusal(make("(y - y.mean(0)).pow(2).sum(1)")), {"aten::mean", "combines different records"}));
}

}  // namespace
}  // namespace sotto::optim::testing

// What the recorder refuses, and that its message says which parameter or operator is meant and what to do. Every model
// here would train without a complaint in ordinary training.

#include <gtest/gtest.h>
#include <sotto/privacy/error.h>
#include <torch/script.h>

#include "oracle.h"

namespace sotto::optim::testing {
namespace {

namespace nn = torch::nn;
namespace F = torch::nn::functional;
using torch::Tensor;
using Tensors = std::vector<Tensor>;
using Forward = std::function<Tensor(const Tensors& p, const Tensors& x)>;

constexpr int64_t kRecords = 4;

// Loose parameters and a function of them that returns losses.
Model loose(Tensors parameters, Tensors inputs, Forward losses, Tensors constants = {}) {
  auto owned = std::make_shared<Tensors>();
  Model model;
  for (size_t p = 0; p < parameters.size(); ++p) {
    owned->push_back(parameters[p].detach().clone().requires_grad_());
    model.parameters.push_back({"weight" + std::to_string(p), owned->back()});
  }
  model.inputs = std::move(inputs);
  model.constants = std::move(constants);
  model.losses = [owned, losses](const Tensors& x) { return losses(*owned, x); };
  return model;
}

template <class Holder>
Model module_model(Holder module, Tensors inputs) {
  Model model = {named(*module), {}, std::move(inputs), [module](const Tensors& x) mutable {
                   return module->forward(x[0]).flatten(1).pow(2).sum(1);
                 }};
  for (const Tensor& buffer : module->buffers()) model.constants.push_back(buffer);
  return model;
}

// The message of the refusal, or "" when the model is accepted.
std::string refusal(const Model& model) {
  try {
    Tape tape(model.parameters, model.constants);
    PerRecordGradients gradients = tape.run(model.inputs, model.losses);
    Tensors sums;
    for (const NamedParameter& p : model.parameters) sums.push_back(torch::zeros_like(p.tensor).detach());
    gradients.add_weighted({std::vector<float>(static_cast<size_t>(gradients.batch()), 1.0f)}, sums);
  } catch (const UsageError& error) {
    return error.what();
  }
  return "";
}

::testing::AssertionResult says(const std::string& message, std::initializer_list<const char*> parts) {
  for (const char* part : parts) {
    if (message.find(part) == std::string::npos) {
      return ::testing::AssertionFailure() << "\"" << message << "\" does not say \"" << part << "\"";
    }
  }
  return ::testing::AssertionSuccess();
}

Tensor weight(at::IntArrayRef sizes = {3, 5}) {
  return torch::randn(sizes);
}
Tensor records(at::IntArrayRef sizes = {kRecords, 5}) {
  return torch::randn(sizes);
}
Tensor per_record(const Tensor& activation) {
  return activation.flatten(1).pow(2).sum(1);
}

// What every refused model below is a variation of.
TEST(Recorder, AcceptsTheModelThatTheRefusedOnesVary) {
  EXPECT_EQ(
      refusal(loose({weight()}, {records()}, [](auto& p, auto& x) { return per_record(torch::linear(x[0], p[0])); })),
      "");
}

// Parameters that were never used before, as in the first step: nodes of the graph that live for a moment only must not
// be mistaken for others that get their address.
TEST(Recorder, AcceptsFreshModelsEveryTime) {
  for (int run = 0; run < 60; ++run) {
    std::vector<Tensor> fragments;  // other addresses in every round
    for (int i = 0; i < run; ++i) fragments.push_back(torch::ones({1}).requires_grad_() * 2.0);
    EXPECT_EQ(refusal(loose({weight({5}), weight({5}), weight({4, 5}), weight({4}), weight({3, 4}), weight({3})},
                            {records({kRecords, 7, 5})},
                            [](auto& p, auto& x) {
                              const Tensor y = torch::linear(torch::layer_norm(x[0], {5}, p[0], p[1]), p[2], p[3]);
                              return per_record(torch::linear(torch::sin(y), p[4], p[5]));
                            })),
              "");
  }
}

// Records that meet, in sight of the losses or behind detach() and no_grad.

TEST(Recorder, RefusesTheMeanOfTheBatch) {
  const auto message = refusal(loose({weight()}, {records()}, [](auto& p, auto& x) {
    const Tensor y = torch::linear(x[0], p[0]);
    return per_record(y - y.mean(0));
  }));
  EXPECT_TRUE(says(message, {"aten::mean", "combines different records"}));
}

TEST(Recorder, RefusesADetachedMeanOfTheBatch) {
  const auto message = refusal(loose({weight()}, {records()}, [](auto& p, auto& x) {
    const Tensor y = torch::linear(x[0], p[0]);
    return per_record(y - y.detach().mean(0, true));
  }));
  EXPECT_TRUE(says(message, {"aten::mean", "combines different records"}));
}

TEST(Recorder, RefusesAMeanOfTheBatchWithoutGradientMode) {
  const auto message = refusal(loose({weight()}, {records()}, [](auto& p, auto& x) {
    Tensor scale;
    {
      torch::NoGradGuard no_grad;
      scale = x[0].abs().amax(0);
    }
    return per_record(torch::linear(x[0] / scale, p[0]));
  }));
  EXPECT_TRUE(says(message, {"aten::amax", "combines different records"}));
}

TEST(Recorder, RefusesBatchNormInTrainingMode) {
  nn::BatchNorm2d norm{nn::BatchNorm2dOptions(3)};
  const auto message = refusal(
      module_model(nn::Sequential(nn::Conv2d(nn::Conv2dOptions(3, 3, 1)), norm), {records({kRecords, 3, 4, 4})}));
  EXPECT_TRUE(says(message, {"batch norm in training mode", "GroupNorm", "eval()", "1.weight"}));
  norm->eval();
  EXPECT_EQ(refusal(module_model(norm, {records({kRecords, 3, 4, 4})})), "");
}

TEST(Recorder, RefusesInstanceStatisticsSharedByRecords) {
  // Frozen batch norm whose scale is computed from the records: B channels, scaled by one record each.
  const auto message = refusal(loose({weight({kRecords, 5})}, {records()}, [](auto& p, auto& x) {
    const Tensor y = torch::linear(x[0], p[0]);
    const Tensor zero = torch::zeros({kRecords});
    return per_record(torch::batch_norm(y, x[0].sum(1), zero, zero, zero + 1, false, 0.1, 1e-5, false));
  }));
  EXPECT_TRUE(says(message, {"aten::batch_norm", "combines different records"}));
}

TEST(Recorder, RefusesALayerNormScaledByRecords) {
  const auto message = refusal(loose({weight({kRecords, 5})}, {records()}, [](auto& p, auto& x) {
    return per_record(torch::layer_norm(torch::linear(x[0], p[0]), {kRecords}, x[0].sum(1)));
  }));
  EXPECT_TRUE(says(message, {"layer_norm", "combines different records"}));
}

TEST(Recorder, RefusesSoftmaxOverTheBatch) {
  for (const bool logarithm : {false, true}) {
    const auto message = refusal(loose({weight()}, {records()}, [logarithm](auto& p, auto& x) {
      const Tensor y = torch::linear(x[0], p[0]);
      return per_record(logarithm ? torch::log_softmax(y, 0) : torch::softmax(y, 0));
    }));
    EXPECT_TRUE(says(message, {"softmax", "combines different records"}));
  }
}

TEST(Recorder, RefusesReorderedRecords) {
  const std::vector<std::pair<const char*, std::function<Tensor(const Tensor&)>>> reorderings = {
      {"aten::sort", [](const Tensor& y) { return std::get<0>(y.sort(0)); }},
      {"aten::roll", [](const Tensor& y) { return y.roll(1, 0); }},
      {"aten::flip", [](const Tensor& y) { return y.flip(0); }},
      {"aten::index_select",
       [](const Tensor& y) {
         return y.index_select(0, torch::tensor({1, 0, 2, 3}));
       }},
      {"aten::index",
       [](const Tensor& y) {
         return y.index({torch::tensor({1, 0, 2, 3})});
       }},
      {"aten::slice",
       [](const Tensor& y) {
         return torch::cat({y.slice(0, 1), y.slice(0, 0, 1)});
       }},
      {"aten::select",
       [](const Tensor& y) {
         return torch::stack({y[1], y[0], y[2], y[3]});
       }},
      {"aten::cumsum", [](const Tensor& y) { return y.cumsum(0); }},
      {"aten::mm", [](const Tensor& y) { return y.mm(y.t()); }},
      {"aten::matmul",
       [](const Tensor& y) {
         return torch::randn({kRecords, kRecords}).matmul(y);
       }},
      {"aten::add", [](const Tensor& y) { return y + y.t(); }},
  };
  for (const auto& [name, reorder] : reorderings) {
    const auto message = refusal(loose({weight({kRecords, 5})}, {records()}, [reorder = reorder](auto& p, auto& x) {
      return per_record(reorder(torch::linear(x[0], p[0])));
    }));
    EXPECT_NE(message, "") << name;
    if (std::string(name) != "aten::matmul") {
      EXPECT_TRUE(says(message, {name}));
    }
  }
}

TEST(Recorder, RefusesReshapesThatSplitTheBatch) {
  EXPECT_NE(refusal(loose({weight({3, 10})}, {records()},
                          [](auto& p, auto& x) {
                            const Tensor y = torch::linear(x[0].reshape({kRecords / 2, 10}), p[0]);
                            return per_record(y).repeat({2});
                          })),
            "");
}

// Records that reach places where they outlive the step, or control flow.

TEST(Recorder, RefusesValuesTakenOutOfRecords) {
  const auto message = refusal(loose({weight()}, {records()}, [](auto& p, auto& x) {
    const Tensor y = torch::linear(x[0], p[0]);
    return per_record(y * y[0][0].template item<float>());
  }));
  EXPECT_TRUE(says(message, {"aten::select"}));
  const auto flow = refusal(loose({weight()}, {records({kRecords, 5})}, [](auto& p, auto& x) {
    const Tensor y = torch::linear(x[0], p[0]);
    return per_record(torch::equal(y, y * 1.0) ? y : y * 2.0);
  }));
  EXPECT_TRUE(says(flow, {"aten::equal", "control flow"}));
}

TEST(Recorder, RefusesRecordsWrittenIntoABuffer) {
  const Tensor buffer = torch::zeros({kRecords, 5});
  const auto message = refusal(loose({weight()}, {records()},
                                     [buffer](auto& p, auto& x) {
                                       torch::NoGradGuard no_grad;
                                       Tensor memory = buffer;
                                       memory.copy_(x[0]);
                                       torch::AutoGradMode grad(true);
                                       return per_record(torch::linear(x[0], p[0]));
                                     },
                                     {buffer}));
  EXPECT_TRUE(says(message, {"aten::copy", "writes records into a buffer"}));
}

TEST(Recorder, RefusesRecordsWrittenIntoABufferThatWasClearedFirst) {
  const Tensor buffer = torch::zeros({kRecords, 5});
  const auto message = refusal(loose({weight()}, {records()},
                                     [buffer](auto& p, auto& x) {
                                       torch::NoGradGuard no_grad;
                                       Tensor memory = buffer;
                                       memory.zero_();
                                       memory.copy_(x[0]);
                                       torch::AutoGradMode grad(true);
                                       return per_record(torch::linear(x[0], p[0]));
                                     },
                                     {buffer}));
  EXPECT_TRUE(says(message, {"aten::copy", "writes records into a buffer"}));
}

// Key and value [B, T, D] would be broadcast along the heads of the query [B, H, T, D]: with H = B every record would
// meet all others, and the sizes fit.
TEST(Recorder, RefusesAttentionBetweenDifferentRanks) {
  const auto message = refusal(loose({torch::randn({4, 5})}, {torch::randn({kRecords, 3, 5})}, [](auto& p, auto& x) {
    const Tensor key = torch::linear(x[0], p[0]);
    const Tensor query = key.unsqueeze(1).expand({-1, kRecords, -1, -1});
    return per_record(at::scaled_dot_product_attention(query, key, key));
  }));
  EXPECT_TRUE(says(message, {"aten::scaled_dot_product_attention", "combines different records"}));
}

TEST(Recorder, RefusesRunningStatisticsOfRecords) {
  const Tensor buffer = torch::zeros({5});
  const auto message = refusal(loose({weight()}, {records()},
                                     [buffer](auto& p, auto& x) {
                                       {
                                         torch::NoGradGuard no_grad;
                                         Tensor memory = buffer;
                                         memory.lerp_(x[0].mean(0), 0.1);
                                       }
                                       return per_record(torch::linear(x[0] - buffer, p[0]));
                                     },
                                     {buffer}));
  EXPECT_TRUE(says(message, {"aten::mean", "combines different records"}));
}

TEST(Recorder, RefusesRecordsWrittenIntoAPartOfATensor) {
  const auto message = refusal(loose({weight()}, {records()}, [](auto& p, auto& x) {
    const Tensor y = torch::linear(x[0], p[0]);
    const Tensor all = torch::zeros({kRecords, 4});
    all.slice(1, 0, 3).copy_(y);
    return per_record(all);
  }));
  EXPECT_TRUE(says(message, {"aten::copy", "cat or stack"}));
}

TEST(Recorder, RefusesRecordsWrittenThroughAnOutArgument) {
  const auto message = refusal(loose({weight()}, {records()}, [](auto& p, auto& x) {
    const Tensor y = torch::linear(x[0], p[0]);
    Tensor out = torch::empty_like(x[0]);
    {
      torch::NoGradGuard no_grad;
      torch::mul_out(out, x[0], x[0]);
    }
    return per_record(y) + per_record(out);
  }));
  EXPECT_TRUE(says(message, {"aten::mul"}));
}

TEST(Recorder, RefusesRecordsOverwrittenInAnotherOrder) {
  const auto message = refusal(loose({weight({kRecords, 5})}, {records()}, [](auto& p, auto& x) {
    Tensor y = torch::linear(x[0], p[0]);
    const Tensor turned = y.t().clone();
    y = y * 1.0;
    y.copy_(turned);
    return per_record(y);
  }));
  EXPECT_TRUE(says(message, {"aten::copy"}));
}

// Values that belong to a place in the batch, not to a record: leaving one record out would change all others.

TEST(Recorder, RefusesConstantsThatDifferBetweenPlaces) {
  const Tensor slots = torch::randn({kRecords, 1});
  for (const Forward& forward : {
           Forward([slots](auto&p, auto&x) { return per_record(torch::linear(x[0] * slots, p[0])); }),
           Forward([slots](auto&p, auto&x) {
             return per_record(torch::cat({torch::linear(x[0], p[0]), slots}, 1));
           }),
           Forward([slots](auto&p, auto&x) {
             return per_record(torch::bmm(slots.unsqueeze(2), torch::linear(x[0], p[0]).unsqueeze(1)));
           }),
           Forward([slots](auto&p, auto&x) {
             return per_record(torch::addmm(slots, torch::linear(x[0], p[0]), torch::ones({3, 3})));
           }),
           Forward([](auto&p, auto&x) { return per_record(torch::linear(x[0], p[0])) * torch::arange(kRecords); }),
           Forward([](auto&p, auto&x) {
             Tensor total = torch::arange(kRecords, torch::kFloat);
             total.add_(per_record(torch::linear(x[0], p[0])));
             return total.pow(2);
           }),
       }) {
    EXPECT_TRUE(says(refusal(loose({weight()}, {records()}, forward, {slots})), {"place in the batch"}));
  }
}

TEST(Recorder, AcceptsConstantsThatAreTheSameForAllPlaces) {
  EXPECT_EQ(refusal(loose({weight()}, {records()},
                          [](auto& p, auto& x) {
                            Tensor total = torch::zeros({kRecords});
                            total += per_record(torch::linear(x[0] + torch::zeros({kRecords, 5}), p[0]));
                            return total * torch::ones({kRecords});
                          })),
            "");
}

TEST(Recorder, RefusesAParameterWithOneEntryPerPlace) {
  const auto added = refusal(loose({weight(), torch::ones({kRecords, 3})}, {records()},
                                   [](auto& p, auto& x) { return per_record(torch::linear(x[0], p[0]) + p[1]); }));
  EXPECT_TRUE(says(added, {"aten::add", "weight1", "place"}));
  const auto beta = refusal(loose({weight({5, 3}), torch::ones({kRecords, 3})}, {records()},
                                  [](auto& p, auto& x) { return per_record(torch::addmm(p[1], x[0], p[0])); }));
  EXPECT_TRUE(says(beta, {"aten::addmm", "weight1", "place"}));
}

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
  const auto message = refusal(loose({weight(), weight({3})}, {records()},
                                     [](auto& p, auto& x) { return per_record(torch::linear(x[0], p[0]) * p[1]); }));
  EXPECT_TRUE(says(message, {"weight1", "aten::mul", "no per-record gradient rule", "requires_grad_(false)"}));
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

TEST(Recorder, RefusesParametersAndProductsInHalfPrecision) {
  for (const auto dtype : {torch::kHalf, torch::kBFloat16}) {
    EXPECT_TRUE(says(refusal(loose({weight().to(dtype)}, {records().to(dtype)},
                                   [](auto& p, auto& x) { return per_record(torch::linear(x[0], p[0])); })),
                     {"weight0", "float or double"}));
    EXPECT_TRUE(says(refusal(loose({weight()}, {records()},
                                   [dtype](auto& p, auto& x) {
                                     return per_record(torch::linear(x[0].to(dtype), p[0].to(dtype)).to(torch::kFloat));
                                   })),
                     {"weight0", "float or double"}));
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
  const bool profiling = torch::jit::getProfilingMode();
  torch::jit::getProfilingMode() = false;
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
  EXPECT_EQ(refusal(good), "");
  const Errors errors = compare(good);
  EXPECT_LT(errors.norm, 1e-5);
  EXPECT_LT(errors.weighted, 1e-5);
  EXPECT_TRUE(says(refusal(make("(y - y.mean(0)).pow(2).sum(1)")), {"aten::mean", "combines different records"}));
  torch::jit::getProfilingMode() = profiling;
}

}  // namespace
}  // namespace sotto::optim::testing

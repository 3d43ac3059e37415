// Segments that are computed again in the backward pass give the gradients that autograd gives one record at a time.

#include <ATen/autocast_mode.h>
#include <gtest/gtest.h>
#include <sotto/optim/checkpoint.h>
#include <sotto/privacy/error.h>

#include "oracle.h"

namespace sotto::optim {
namespace {

using testing::Model;
using Tensors = std::vector<torch::Tensor>;
namespace F = torch::nn::functional;

struct TwoLayers : torch::nn::Module {
  torch::nn::Linear first{torch::nn::LinearOptions(6, 6)}, second{torch::nn::LinearOptions(6, 6)};
  torch::nn::LayerNorm norm{torch::nn::LayerNormOptions({6})};
  torch::Tensor scale = register_parameter("scale", torch::randn({6}));
  TwoLayers() {
    register_module("first", first);
    register_module("second", second);
    register_module("norm", norm);
    to(torch::kDouble);
  }
};

Model model_of(const TwoLayers& net, testing::Losses losses) {
  return {testing::named(net), {}, {torch::randn({5, 4, 6}, torch::kDouble)}, std::move(losses)};
}

void expect_exact(const Model& model, double tolerance = 1e-11) {
  const testing::Errors errors = testing::compare(model);
  EXPECT_LT(errors.norm, tolerance);
  EXPECT_LT(errors.weighted, tolerance);
  EXPECT_TRUE(errors.bounded);
}

torch::Tensor per_record(const torch::Tensor& out) {
  return out.pow(2).sum({1, 2});
}

class Checkpoint : public ::testing::Test {
 protected:
  Checkpoint() { torch::manual_seed(3); }
  std::shared_ptr<TwoLayers> net_ = std::make_shared<TwoLayers>();

  torch::Tensor block(const torch::Tensor& x) const {
    return torch::tanh(net_->second(F::gelu(net_->first(net_->norm(x) * net_->scale))));
  }
};

TEST_F(Checkpoint, ASegmentThatIsTheWholeModelIsExact) {
  expect_exact(model_of(*net_, [this](const Tensors& in) {
    return per_record(checkpoint([this](const torch::Tensor& x) { return block(x); }, in[0]));
  }));
}

TEST_F(Checkpoint, SegmentsInARowWithSharedParametersAndASkipAreExact) {
  expect_exact(model_of(*net_, [this](const Tensors& in) {
    const auto segment = [this](const torch::Tensor& x) { return block(x); };
    const torch::Tensor before = net_->first(in[0]);
    const torch::Tensor once = before + checkpoint(segment, before);
    return per_record(net_->second(checkpoint(segment, once) - once * net_->scale));
  }));
}

TEST_F(Checkpoint, ParametersThroughAFunctionInsideAndOutsideAreExact) {
  expect_exact(model_of(*net_, [this](const Tensors& in) {
    const auto normalised = [this] { return net_->first->weight / net_->first->weight.norm(); };
    const auto segment = [this, normalised](const torch::Tensor& x) {
      return torch::matmul(x, normalised() * net_->scale) + net_->norm(net_->second(x));
    };
    return per_record(checkpoint(segment, net_->first(torch::matmul(in[0], normalised().t()))));
  }));
}

TEST_F(Checkpoint, SeveralInputsAndResultsAreExact) {
  const auto bare = [this](const Tensors& list) {
    const torch::Tensor sum = net_->first(list[0]) + list[1] * list[2];
    return Tensors{block(sum), list[0], sum.detach(), net_->norm(list[1])};
  };
  expect_exact(model_of(*net_, [this, bare](const Tensors& in) {
    const torch::Tensor constant = torch::arange(6, torch::kDouble);
    const Tensors out = checkpoint(bare, {in[0], net_->second(in[0]), constant});
    return per_record(out[0] + out[1] * out[2] - out[3]);
  }));
}

TEST_F(Checkpoint, ASegmentWithinASegmentIsExact) {
  expect_exact(model_of(*net_, [this](const Tensors& in) {
    return per_record(checkpoint(
        [this](const torch::Tensor& x) {
          return net_->first(checkpoint([this](const torch::Tensor& y) { return block(y); }, x));
        },
        in[0]));
  }));
}

TEST_F(Checkpoint, AResultThatReachesNoLossLeavesTheOthersExact) {
  expect_exact(model_of(*net_, [this](const Tensors& in) {
    const torch::Tensor unused = checkpoint([this](const torch::Tensor& x) { return net_->second(x); }, in[0]);
    return per_record(block(in[0])) + 0.0 * unused.detach().sum({1, 2});
  }));
}

TEST_F(Checkpoint, RecurrentLayersAreExact) {
  torch::nn::LSTM lstm(torch::nn::LSTMOptions(6, 5).batch_first(true));
  lstm->to(torch::kDouble);
  expect_exact({testing::named(*lstm), {}, {torch::randn({3, 4, 6}, torch::kDouble)}, [&](const Tensors& in) {
                  return per_record(
                      checkpoint([&](const torch::Tensor& x) { return std::get<0>(lstm->forward(x)); }, in[0]));
                }});
}

std::vector<double> squared_norms(const PerRecordGradients& gradients) {
  const torch::Tensor computed = gradients.squared_norms(0).computed;
  return {computed.const_data_ptr<double>(), computed.const_data_ptr<double>() + computed.numel()};
}

// Norms and sums with and without recomputation, from the same state of the generator.
void expect_the_same(const std::vector<NamedParameter>& parameters, const Tensors& inputs,
                     const std::function<torch::Tensor(const Tensors&, bool)>& losses) {
  std::vector<double> norms[2];
  torch::Tensor sums[2], next[2];
  for (const bool again : {false, true}) {
    torch::manual_seed(11);
    Tape tape(parameters, {}, {}, {.memory_bytes = int64_t{1} << 40});  // the same strategies
    PerRecordGradients gradients = tape.run(inputs, [&](const Tensors& in) { return losses(in, again); });
    norms[again] = squared_norms(gradients);
    Tensors out;
    for (const NamedParameter& p : parameters) out.push_back(torch::zeros_like(p.tensor).detach());
    gradients.add_weighted(torch::full({1, gradients.batch()}, 0.5f), out);
    for (torch::Tensor& sum : out) sum = sum.flatten();
    sums[again] = torch::cat(out);
    next[again] = torch::rand({4});
  }
  EXPECT_EQ(norms[0], norms[1]);
  EXPECT_TRUE(torch::equal(sums[0], sums[1]));
  EXPECT_TRUE(torch::equal(next[0], next[1]));
}

TEST_F(Checkpoint, DropoutDrawsTheSameMasksAgain) {
  const torch::Tensor x = torch::randn({5, 4, 6}, torch::kDouble);
  expect_the_same(testing::named(*net_), {x}, [this](const Tensors& in, bool again) {
    const auto segment = [this](const torch::Tensor& h) { return torch::dropout(block(h), 0.5, true); };
    const torch::Tensor hidden = torch::dropout(net_->first(in[0]), 0.5, true);
    return per_record(torch::dropout(again ? checkpoint(segment, hidden) : segment(hidden), 0.5, true));
  });
}

TEST_F(Checkpoint, AutocastIsInForceAgain) {
  net_->to(torch::kFloat);
  const torch::Tensor x = torch::randn({5, 4, 6});
  expect_the_same(testing::named(*net_), {x}, [this](const Tensors& in, bool again) {
    const auto segment = [this](const torch::Tensor& h) { return block(h); };
    at::autocast::set_autocast_enabled(at::kCPU, true);
    const torch::Tensor out = again ? checkpoint(segment, in[0]) : segment(in[0]);
    EXPECT_EQ(out.scalar_type(), torch::kBFloat16);
    at::autocast::clear_cache();
    at::autocast::set_autocast_enabled(at::kCPU, false);
    return per_record(out.to(torch::kFloat));
  });
}

// Autocast keeps the copy of a parameter that it makes. One made in a segment belongs to a graph that ends there.
TEST_F(Checkpoint, UnderAutocastAParameterMayBeUsedBeforeInsideAndAfter) {
  net_->to(torch::kFloat);
  const torch::Tensor x = torch::randn({5, 4, 6});
  std::vector<double> norms[2];
  for (const bool again : {false, true}) {
    const auto losses = [&](const Tensors& in) {
      const auto segment = [this](const torch::Tensor& h) { return block(h); };
      at::autocast::set_autocast_enabled(at::kCPU, true);
      const torch::Tensor before = net_->first(in[0]);
      const torch::Tensor out = net_->second(again ? checkpoint(segment, before) : segment(before));
      at::autocast::clear_cache();
      at::autocast::set_autocast_enabled(at::kCPU, false);
      return per_record(out.to(torch::kFloat));
    };
    Tape tape(testing::named(*net_), {});
    norms[again] = squared_norms(tape.run({x}, losses));
  }
  for (size_t i = 0; i < norms[0].size(); ++i) EXPECT_NEAR(norms[1][i], norms[0][i], 0.01 * norms[0][i]);
}

TEST_F(Checkpoint, WhatASegmentComputesIsGoneUntilItsBackwardPass) {
  c10::weak_intrusive_ptr<c10::TensorImpl, c10::UndefinedTensorImpl> inside(
      c10::intrusive_ptr<c10::TensorImpl, c10::UndefinedTensorImpl>{});
  int runs = 0;
  bool gone = false;
  TapeOptions options;
  options.phase_ended = [&](std::string_view phase) {
    if (phase == "forward") gone = inside.expired();
  };
  Tape tape(testing::named(*net_), {}, {}, options);
  tape.run({torch::randn({5, 4, 6}, torch::kDouble)}, [&](const Tensors& in) {
    const auto segment = [&](const torch::Tensor& x) {
      const torch::Tensor hidden = net_->first(x);
      if (++runs == 1) inside = hidden.getIntrusivePtr();
      return block(hidden);
    };
    return per_record(checkpoint(segment, in[0]));
  });
  EXPECT_EQ(runs, 2);
  EXPECT_TRUE(gone);
}

TEST_F(Checkpoint, OutsideOfATapeTheSegmentIsCalledOnce) {
  int runs = 0;
  const torch::Tensor x = torch::randn({2, 4, 6}, torch::kDouble);
  const torch::Tensor out = checkpoint([&](const torch::Tensor& in) { return ++runs, block(in); }, x);
  per_record(out).sum().backward();
  EXPECT_EQ(runs, 1);
  EXPECT_TRUE(torch::equal(out, block(x)));
  EXPECT_TRUE(net_->first->weight.grad().defined());
}

TEST_F(Checkpoint, AnExplanationListsTheSegmentsOperators) {
  Tape tape(testing::named(*net_), {});
  const Explanation table = tape.explain({torch::randn({5, 4, 6}, torch::kDouble)}, [&](const Tensors& in) {
    return per_record(checkpoint([this](const torch::Tensor& x) { return block(x); }, in[0]));
  });
  EXPECT_TRUE(table.accepted());
  for (const ExplainedParameter& parameter : table.parameters) EXPECT_EQ(parameter.uses.size(), 1) << parameter.name;
}

std::string refusal(const Model& model) {
  try {
    Tape(model.parameters, model.constants).run(model.inputs, model.losses);
  } catch (const UsageError& error) {
    return error.what();
  }
  return "accepted";
}

TEST_F(Checkpoint, RefusesASegmentThatMixesRecords) {
  const std::string text = refusal(model_of(*net_, [this](const Tensors& in) {
    return per_record(checkpoint([this](const torch::Tensor& x) { return block(x - x.mean(0)); }, in[0]));
  }));
  EXPECT_NE(text.find("aten::mean"), std::string::npos) << text;
}

TEST_F(Checkpoint, RefusesATensorFromElsewhere) {
  const std::string text = refusal(model_of(*net_, [this](const Tensors& in) {
    const torch::Tensor hidden = net_->first(in[0]);
    return per_record(checkpoint([this, hidden](const torch::Tensor& x) { return block(x) * hidden; }, in[0]));
  }));
  EXPECT_NE(text.find("neither an input, a parameter or a buffer"), std::string::npos) << text;
}

TEST_F(Checkpoint, AnExplanationRefusesWhatARunWould) {
  Tape tape(testing::named(*net_), {});
  const Explanation table = tape.explain({torch::randn({5, 4, 6}, torch::kDouble)}, [&](const Tensors& in) {
    const torch::Tensor hidden = net_->first(in[0]);
    return per_record(checkpoint([this, hidden](const torch::Tensor& x) { return block(x) * hidden; }, in[0]));
  });
  EXPECT_FALSE(table.accepted());
}

TEST_F(Checkpoint, RefusesATensorThatLeavesByAnotherWay) {
  torch::Tensor leaked;
  const std::string text = refusal(model_of(*net_, [&](const Tensors& in) {
    const auto segment = [&](const torch::Tensor& x) {
      leaked = torch::relu(x);
      return block(leaked);
    };
    const torch::Tensor out = checkpoint(segment, net_->first(in[0]));
    return per_record(out + leaked);
  }));
  EXPECT_NE(text.find("used outside"), std::string::npos) << text;
}

TEST_F(Checkpoint, RefusesInputsAndResultsMadeOfParametersAlone) {
  const std::string input = refusal(model_of(*net_, [this](const Tensors& in) {
    const auto segment = [this](const Tensors& list) { return Tensors{block(list[0]) * list[1]}; };
    return per_record(checkpoint(segment, {in[0], net_->scale * 2})[0]);
  }));
  EXPECT_NE(input.find("input 1 of the segment is made of parameter scale alone"), std::string::npos) << input;
  const std::string result = refusal(model_of(*net_, [this](const Tensors& in) {
    const auto segment = [this](const Tensors& list) { return Tensors{block(list[0]), net_->scale * 2}; };
    const Tensors out = checkpoint(segment, {in[0]});
    return per_record(out[0] * out[1]);
  }));
  EXPECT_NE(result.find("result 1 of the segment is made of parameter scale alone"), std::string::npos) << result;
}

TEST_F(Checkpoint, RefusesASegmentThatGivesSomethingElseTheSecondTime) {
  int runs = 0;
  const std::string text = refusal(model_of(*net_, [&](const Tensors& in) {
    const auto segment = [&](const torch::Tensor& x) { return ++runs == 1 ? block(x) : block(x).transpose(1, 2); };
    return per_record(checkpoint(segment, in[0]));
  }));
  EXPECT_NE(text.find("another one when it was computed again"), std::string::npos) << text;
}

// What the first run did not show is seen in the second.
TEST_F(Checkpoint, RefusesWhatOnlyTheSecondRunDoes) {
  const torch::Tensor counter = torch::zeros({1}, torch::kDouble);
  const auto second = [&](const std::function<torch::Tensor(const torch::Tensor&)>& change) {
    int runs = 0;
    Model model = model_of(*net_, [&](const Tensors& in) {
      return per_record(checkpoint([&](const torch::Tensor& x) { return block(++runs == 2 ? change(x) : x); }, in[0]));
    });
    model.constants = {counter};
    return refusal(model);
  };
  const std::string mixing = second([](const torch::Tensor& x) { return x - x.mean(0); });
  EXPECT_NE(mixing.find("aten::mean"), std::string::npos) << mixing;
  const std::string hooked = second([this](const torch::Tensor& x) {
    const torch::Tensor y = x * net_->scale;
    y.register_hook([](const torch::Tensor& gradient) { return gradient.mean(0, true).expand_as(gradient); });
    return y;
  });
  EXPECT_NE(hooked.find("gradient hook"), std::string::npos) << hooked;
  const std::string counting = second([&](const torch::Tensor& x) {
    torch::Tensor(counter).add_(1);
    return x;
  });
  EXPECT_NE(counting.find("changed while the model ran"), std::string::npos) << counting;
  const std::string seeding = second([](const torch::Tensor& x) {
    torch::manual_seed(1);
    return x;
  });
  EXPECT_NE(seeding.find("seeds LibTorch's generator"), std::string::npos) << seeding;
}

TEST_F(Checkpoint, RefusesABackwardPassOfTheProgramsOwn) {
  torch::Tensor kept;
  Tape(testing::named(*net_), {}).run({torch::randn({5, 4, 6}, torch::kDouble)}, [&](const Tensors& in) {
    kept = checkpoint([this](const torch::Tensor& x) { return block(x); }, in[0]);
    return per_record(kept);
  });
  try {
    kept.sum().backward();
    FAIL() << "accepted";
  } catch (const UsageError& error) {
    EXPECT_NE(std::string(error.what()).find("computed again once"), std::string::npos) << error.what();
  }
}

TEST_F(Checkpoint, RefusesInputsThatWereOverwritten) {
  const std::string text = refusal(model_of(*net_, [this](const Tensors& in) {
    const torch::Tensor hidden = in[0] * 2;
    const torch::Tensor out = checkpoint([this](const torch::Tensor& x) { return block(x); }, hidden);
    return per_record(out + hidden.mul_(2));
  }));
  EXPECT_NE(text.find("overwritten"), std::string::npos) << text;
}

TEST_F(Checkpoint, RefusesAParameterThatIsUsedNowhere) {
  const std::string text = refusal(model_of(*net_, [this](const Tensors& in) {
    return per_record(checkpoint([this](const torch::Tensor& x) { return net_->second(net_->first(x)); }, in[0]));
  }));
  EXPECT_NE(text.find("trainable parameter norm.bias, norm.weight, scale has no influence"), std::string::npos) << text;
}

}  // namespace
}  // namespace sotto::optim

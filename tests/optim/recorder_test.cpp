// Models whose records could mix: the recorder refuses them, and its message says which operator is meant and what to
// do. Every one would train without a complaint in ordinary training.

#include <ATen/core/dispatch/Dispatcher.h>
#include <ATen/record_function.h>
#include <torch/library.h>

#include <limits>
#include <thread>

#include "recorder_models.h"

namespace sotto::optim::testing {
namespace {

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

// Operators inside a named block of the program are looked at like any other.
TEST(Recorder, FollowsOperatorsInsideABlockOfTheProgram) {
  const auto model = [](bool mixes) {
    return loose({weight()}, {records()}, [mixes](auto& p, auto& x) {
      Tensor h = torch::linear(x[0], p[0]);
      {
        RECORD_FUNCTION(std::string("layer"), {});
        h.sub_(mixes ? h.detach().mean(0) : h.detach().mean(1, true));
      }
      return per_record(h);
    });
  };
  EXPECT_TRUE(says(refusal(model(true)), {"aten::mean"}));
  EXPECT_EQ(refusal(model(false)), "");
}

// A storage is no tensor: what it holds would enter the constant unseen.
TEST(Recorder, RefusesTensorsHiddenInOtherArguments) {
  const Tensor constant = torch::zeros({kRecords, 5});
  const auto storage = refusal(loose({weight()}, {records()},
                                     [constant](auto& p, auto& x) {
                                       Tensor target = constant;
                                       target.set_(x[0].storage(), 0, {kRecords, 5}, {5, 1});
                                       return per_record(torch::linear(x[0] - target.mean(0), p[0]));
                                     },
                                     {constant}));
  EXPECT_TRUE(says(storage, {"aten::set", "Storage"})) << storage;

  static const torch::Library library = [] {
    torch::Library made(torch::Library::FRAGMENT, "sotto_test", std::nullopt, __FILE__, __LINE__);
    made.def("mean(Dict(str, Tensor) tensors) -> Tensor",
             [](const c10::Dict<std::string, Tensor>& tensors) { return tensors.at("x").detach().mean(0); });
    return made;
  }();
  const auto dictionary = refusal(loose({weight()}, {records()}, [](auto& p, auto& x) {
    c10::Dict<std::string, Tensor> tensors;
    tensors.insert("x", x[0]);
    torch::jit::Stack stack{tensors};
    c10::Dispatcher::singleton().findSchemaOrThrow("sotto_test::mean", "").callBoxed(&stack);
    return per_record(torch::linear(x[0] - stack[0].toTensor(), p[0]));
  }));
  EXPECT_TRUE(says(dictionary, {"sotto_test::mean", "Dict"})) << dictionary;
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

// Not every operator that writes to an argument says so in its name.
TEST(Recorder, RefusesRecordsWrittenThroughAnArgumentOfAnotherName) {
  const auto message = refusal(loose({weight()}, {records()}, [](auto& p, auto& x) {
    const Tensor largest = torch::zeros({kRecords});
    const Tensor alias = largest.view({-1});
    {
      torch::NoGradGuard no_grad;
      Tensor values = largest, places = torch::zeros({kRecords}, torch::kLong);
      torch::max_out(values, places, x[0], 1);
    }
    return per_record(torch::linear(x[0], p[0])) * (1 - 2 * alias.sum().sign());
  }));
  EXPECT_TRUE(says(message, {"aten::max"})) << message;
}

TEST(Recorder, RefusesABiasWithOneEntryPerPlace) {
  const Tensor bias =
      torch::tensor({50.0f, -50.0f, 50.0f, -50.0f}).view({kRecords, 1}).expand({kRecords, 3}).contiguous();
  const auto message =
      refusal(loose({weight()}, {records()},
                    [bias](auto& p, auto& x) { return per_record(torch::linear(x[0], p[0], bias)); }, {bias}));
  EXPECT_TRUE(says(message, {"aten::linear", "bias"})) << message;
}

TEST(Recorder, RefusesAComparisonThatANotANumberDecides) {
  const auto model = [](bool poisoned) {
    Tensor x = records();
    if (poisoned) x[1][2] = std::numeric_limits<float>::quiet_NaN();
    return loose({weight()}, {x}, [](auto& p, auto& in) {
      const double sign = torch::equal(in[0], in[0]) ? 1.0 : -1.0;
      return per_record(torch::linear(in[0], p[0])) * sign;
    });
  };
  EXPECT_TRUE(says(refusal(model(true)), {"aten::equal", "NaN"}));
  EXPECT_EQ(refusal(model(false)), "");
}

// Computed by another thread, whose operators are not seen.
TEST(Recorder, RefusesNumbersOfUnknownOrigin) {
  const auto message = refusal(loose({weight()}, {records()}, [](auto& p, auto& x) {
    Tensor total;
    std::thread([&, detached = x[0].detach()] { total = detached.sum(); }).join();
    return per_record(torch::linear(x[0], p[0])) * total;
  }));
  EXPECT_TRUE(says(message, {"aten::mul", "neither"})) << message;
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

}  // namespace
}  // namespace sotto::optim::testing

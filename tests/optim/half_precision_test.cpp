// Parameters in fp16 and bf16: norms, sums and noise in float, compared with autograd in double, one record at a time,
// of a model with the same numbers.
//
// Every operator of the models rounds its result, off by u of it at most (u = 2^-11 or 2^-8), and a gradient has passed
// ten to twenty of them, forward and backward; errors of single steps add up to less than kRoundings u of the
// gradient's norm.

#include <torch/torch.h>

#include <cmath>
#include <limits>

#include "clipped_sum_access.h"
#include "private_training_fixture.h"

namespace sotto::optim {
namespace {

using Tensors = std::vector<Tensor>;
using Function = std::function<Tensor(const Tensors& parameters, const Tensors& inputs)>;

constexpr double kRoundings = 16.0;
constexpr int64_t kBatch = 6;
constexpr at::ScalarType kHalfTypes[] = {at::kHalf, at::kBFloat16};

double unit_roundoff(at::ScalarType dtype) {
  return dtype == at::kHalf ? std::ldexp(1.0, -11) : std::ldexp(1.0, -8);
}

struct HalfModel {
  const char* name;
  Tensors parameters;  // numbers of half precision, in double
  Tensors inputs;
  Function losses;

  std::vector<NamedParameter> in(at::ScalarType dtype) const {
    std::vector<NamedParameter> result;
    for (const Tensor& parameter : parameters)
      result.push_back({"p" + std::to_string(result.size()), parameter.to(dtype).detach().clone().requires_grad_()});
    return result;
  }
  // Inputs are those of `inputs`, in the dtype of the parameters where they are no integers.
  Losses of(const std::vector<NamedParameter>& named) const {
    Tensors values;
    for (const NamedParameter& parameter : named) values.push_back(parameter.tensor);
    return [values, function = losses](const Tensors& batch) {
      Tensors own;
      for (const Tensor& input : batch)
        own.push_back(input.is_floating_point() ? input.to(values[0].scalar_type()) : input);
      return function(values, own);
    };
  }
};

// As it is usual, the loss is computed in float at least.
Tensor cross_entropy(const Tensor& scores, const Tensor& labels) {
  const Tensor fine = scores.scalar_type() == at::kDouble ? scores : scores.to(at::kFloat);
  return F::cross_entropy(fine, labels, F::CrossEntropyFuncOptions().reduction(torch::kNone));
}

std::vector<HalfModel> models(at::ScalarType dtype) {
  torch::manual_seed(5);
  const auto numbers = [&](at::IntArrayRef sizes, double scale) {
    return (scale * torch::randn(sizes)).to(dtype).to(at::kDouble);
  };
  const Tensor labels = torch::randint(3, {kBatch});
  return {
      {"linear",
       {numbers({8, 6}, 0.4), numbers({8}, 0.1), numbers({3, 8}, 0.4)},
       {numbers({kBatch, 6}, 1), labels},
       [](const Tensors& p, const Tensors& x) {
         return cross_entropy(torch::linear(torch::tanh(torch::linear(x[0], p[0], p[1])), p[2]), x[1]);
       }},
      {"positions and layer norm",
       {numbers({8, 6}, 0.4), 1 + numbers({8}, 0.1), numbers({8}, 0.1), numbers({3, 8}, 0.4)},
       {numbers({kBatch, 5, 6}, 1), labels},
       [](const Tensors& p, const Tensors& x) {
         const Tensor y = torch::layer_norm(torch::linear(x[0], p[0]), {8}, p[1], p[2]);
         return cross_entropy(torch::linear(torch::tanh(y).mean(1), p[3]), x[1]);
       }},
      {"embedding",
       {numbers({11, 6}, 1), numbers({3, 6}, 0.5)},
       {torch::randint(11, {kBatch, 7}), labels},
       [](const Tensors& p, const Tensors& x) {
         return cross_entropy(torch::linear(torch::tanh(torch::embedding(p[0], x[0])).mean(1), p[1]), x[1]);
       }},
      {"convolution",
       {numbers({4, 2, 3, 3}, 0.3), numbers({4}, 0.1), numbers({3, 4 * 4 * 4}, 0.2)},
       {numbers({kBatch, 2, 6, 6}, 1), labels},
       [](const Tensors& p, const Tensors& x) {
         return cross_entropy(torch::linear(torch::tanh(torch::conv2d(x[0], p[0], p[1])).flatten(1), p[2]), x[1]);
       }},
      {"function of a parameter",
       {numbers({8, 6}, 0.4), numbers({3, 8}, 0.4)},
       {numbers({kBatch, 6}, 1), labels},
       [](const Tensors& p, const Tensors& x) {
         return cross_entropy(torch::linear(torch::tanh(torch::linear(x[0], p[0] * p[0].sigmoid())), p[1]), x[1]);
       }},
  };
}

// By record, then by parameter.
std::vector<Tensors> gradients_in_double(const HalfModel& model) {
  const std::vector<NamedParameter> parameters = model.in(at::kDouble);
  Tensors values;
  for (const NamedParameter& parameter : parameters) values.push_back(parameter.tensor);
  std::vector<Tensors> result;
  for (int64_t i = 0; i < model.inputs[0].size(0); ++i) {
    Tensors record;
    for (const Tensor& input : model.inputs) record.push_back(input.slice(0, i, i + 1));
    result.push_back(torch::autograd::grad({model.of(parameters)(record).sum()}, values));
  }
  return result;
}

double norm_of(const Tensors& tensors) {
  double squared = 0;
  for (const Tensor& tensor : tensors) squared += tensor.to(at::kDouble).pow(2).sum().item<double>();
  return std::sqrt(squared);
}

void for_each_model(const std::function<void(const HalfModel&, at::ScalarType)>& check) {
  for (const at::ScalarType dtype : kHalfTypes) {
    for (const HalfModel& model : models(dtype)) {
      SCOPED_TRACE(std::string(model.name) + " " + c10::toString(dtype));
      check(model, dtype);
    }
  }
}

std::vector<float> all_weights(int64_t records, float weight = 0.0F) {
  return std::vector<float>(static_cast<size_t>(records), weight);
}

class HalfPrecision : public PrivateTrainingTest {};

TEST_F(HalfPrecision, NormsAndSumsAreThoseOfAutogradInDouble) {
  for_each_model([](const HalfModel& model, at::ScalarType dtype) {
    const std::vector<Tensors> expected = gradients_in_double(model);
    for (const Strategy strategy : {Strategy::automatic, Strategy::gram, Strategy::keep, Strategy::drop}) {
      for (const double loss_scale : {1.0, 256.0}) {
        const auto parameters = model.in(dtype);
        Tape tape(parameters, {}, {}, {.force_strategy = strategy, .loss_scale = loss_scale});
        PerRecordGradients gradients = tape.run(model.inputs, model.of(parameters));
        std::vector<float> weights;
        Tensors sums(parameters.size()), of_double(parameters.size());
        double error = 0;
        for (int64_t i = 0; i < kBatch; ++i) {
          const Tensors& record = expected[static_cast<size_t>(i)];
          const double norm = norm_of(record), allowed = kRoundings * unit_roundoff(dtype) * norm;
          EXPECT_NEAR(gradients.norm_bound(0, i), norm, allowed) << to_string(strategy);
          weights.push_back(0.5F / static_cast<float>(i + 1));
          error += weights.back() * allowed;
          for (size_t p = 0; p < record.size(); ++p) {
            const Tensor weighted = weights.back() * record[p];
            of_double[p] = of_double[p].defined() ? of_double[p] + weighted : weighted;
          }
        }
        gradients.add_weighted(at::tensor(weights).unsqueeze(0), sums);
        Tensors differences;
        for (size_t p = 0; p < sums.size(); ++p) {
          EXPECT_EQ(sums[p].scalar_type(), at::kFloat);
          differences.push_back(sums[p].to(at::kDouble) - of_double[p]);
        }
        EXPECT_LE(norm_of(differences), error) << to_string(strategy);
      }
    }
  });
}

// Not up to a tolerance: a sum of one record of weight 1 has no larger norm than the bound its weight is taken from.
TEST_F(HalfPrecision, TheNormBoundsWhatIsSummed) {
  for_each_model([](const HalfModel& model, at::ScalarType dtype) {
    for (const Strategy strategy : {Strategy::automatic, Strategy::gram, Strategy::keep, Strategy::drop}) {
      for (int64_t i = 0; i < kBatch; ++i) {
        const auto parameters = model.in(dtype);
        Tape tape(parameters, {}, {}, {.force_strategy = strategy});
        PerRecordGradients gradients = tape.run(model.inputs, model.of(parameters));
        std::vector<float> weights = all_weights(kBatch);
        weights[static_cast<size_t>(i)] = 1.0F;
        Tensors sums(parameters.size());
        const double bound = gradients.norm_bound(0, i);
        gradients.add_weighted(at::tensor(weights).unsqueeze(0), sums);
        EXPECT_LE(norm_of(sums), bound) << to_string(strategy);
      }
    }
  });
}

TEST_F(HalfPrecision, OneRecordAtATimeGivesTheSame) {
  for_each_model([](const HalfModel& model, at::ScalarType dtype) {
    const std::vector<Tensors> expected = gradients_in_double(model);
    const auto parameters = model.in(dtype);
    Tape tape(parameters, {}, {}, {.fallback = Fallback::per_record});
    const PerRecordGradients gradients = tape.run(model.inputs, model.of(parameters));
    for (int64_t i = 0; i < kBatch; ++i) {
      const double norm = norm_of(expected[static_cast<size_t>(i)]);
      EXPECT_NEAR(gradients.norm_bound(0, i), norm, kRoundings * unit_roundoff(dtype) * norm);
    }
  });
}

// In half precision a sum of ones stops growing at 2048 (256); between 4096 and 8192 not even 4099 is one of its
// numbers.
TEST_F(HalfPrecision, SumsOfManyRecordsLoseNothing) {
  constexpr int64_t kMany = 4099;
  for (const at::ScalarType dtype : kHalfTypes) {
    const std::vector<NamedParameter> parameters = {{"w", torch::zeros({1, 1}, dtype).requires_grad_()}};
    Clipper clipper(parameters, {}, WeightRule::flat(2.0));
    clipper.add({torch::ones({kMany, 1}, dtype)},
                [&](const Tensors& x) { return torch::linear(x[0], parameters[0].tensor).squeeze(1); }, {});
    const Tensor sum = ClippedSumTestAccess::values(clipper.take())[0];
    EXPECT_EQ(sum.scalar_type(), at::kFloat);
    EXPECT_EQ(sum.item<double>(), static_cast<double>(kMany));
  }
}

// A product of 60000 and 8 is infinite in fp16; in bf16 1e38 and 1e3 are.
TEST_F(HalfPrecision, ARecordWhoseGradientOverflowsIsLeftOut) {
  for (const at::ScalarType dtype : kHalfTypes) {
    const std::vector<NamedParameter> parameters = {{"w", torch::full({2, 3}, 0.5, dtype).requires_grad_()},
                                                    {"scale", torch::ones({2}, dtype).requires_grad_()}};
    const Losses losses = [&](const Tensors& x) {
      return (torch::linear(x[0], parameters[0].tensor) * parameters[1].tensor * x[1] * x[1]).sum(1);
    };
    const double large = dtype == at::kHalf ? 60000.0 : 1e38;
    Tensor factors = torch::ones({4, 1}, dtype);
    const Tensor x = torch::ones({4, 3}, dtype);
    const auto sum_of = [&](const std::vector<bool>& active) {
      Clipper clipper(parameters, {}, WeightRule::flat(1.0));
      clipper.add({x, factors}, losses, active);
      const ClippedSum sum = clipper.take();
      return ClippedSumTestAccess::values(sum);
    };
    factors[2] = large;
    const Tensors with = sum_of({});
    factors[2] = 1.0;
    const Tensors without = sum_of({true, true, false, true});
    for (size_t p = 0; p < with.size(); ++p) {
      EXPECT_TRUE(with[p].isfinite().all().item<bool>());
      EXPECT_TRUE(torch::equal(with[p], without[p]));
    }
  }
}

// Below 2^-25 fp16 has nothing; the scaled gradient arrives and is divided in float.
TEST_F(HalfPrecision, LossScalingKeepsSmallGradients) {
  const std::vector<NamedParameter> parameters = {{"w", torch::ones({1, 1}, at::kHalf).requires_grad_()}};
  const double small = std::ldexp(1.0, -13);
  for (const double loss_scale : {1.0, 1024.0}) {
    Tape tape(parameters, {}, {}, {.loss_scale = loss_scale});
    const PerRecordGradients gradients = tape.run({torch::ones({2, 1}, at::kHalf)}, [&](const Tensors& x) {
      return (torch::linear(x[0], parameters[0].tensor) * small * small).squeeze(1).to(at::kFloat);
    });
    EXPECT_NEAR(gradients.norm_bound(0, 0), loss_scale == 1.0 ? 0.0 : small * small, 1e-6 * small * small);
  }
}

// A run whose plan takes every record in every step, so that the sum is known.
struct WholeBatches {
  WholeBatches(const HalfModel& model, at::ScalarType dtype, PrivateTrainingOptions options)
      : parameters(model.in(dtype)),
        losses(model.of(parameters)),
        given(std::move(options)),
        records(tensor_records(model.inputs)) {
    for (const NamedParameter& parameter : parameters) values.push_back(parameter.tensor);
    given.plan = privacy::PrivacyPlan({.adjacency = privacy::Adjacency::zero_out,
                                       .dataset_size = kBatch,
                                       .expected_batch_size = kBatch,
                                       .steps = 4,
                                       .delta = 1e-5,
                                       .noise_multiplier = 1.0});
  }
  PrivateTraining training(torch::optim::Optimizer& optimizer) const { return {parameters, optimizer, records, given}; }
  std::vector<NamedParameter> parameters;
  Tensors values;
  Losses losses;
  PrivateTrainingOptions given;
  Records records;
};

TEST_F(HalfPrecision, TheReleaseIsTheSumWithNoiseInFloatRoundedOnce) {
  int number = 0;
  for_each_model([&](const HalfModel& model, at::ScalarType dtype) {
    const auto released = [&](at::ScalarType of, double factor) {
      WholeBatches run(model, of, options({}, std::to_string(number++)));
      torch::optim::SGD optimizer(run.values, 0.1);
      PrivateTraining training = run.training(optimizer);
      training.compute_gradient([&](const Tensors& batch) { return run.losses(batch) * factor; });
      Tensors gradients;
      for (const Tensor& parameter : run.values) gradients.push_back(parameter.grad());
      return gradients;
    };
    // Losses of nothing leave the noise, of the same bits whatever the parameters are.
    const Tensors noise = released(at::kFloat, 0.0), rounded = released(dtype, 0.0), gradients = released(dtype, 1.0);
    const std::vector<Tensors> expected = gradients_in_double(model);
    const WeightRule rule = Overrides().rule;
    double error = 0, size = 0;
    Tensors differences;
    for (size_t p = 0; p < noise.size(); ++p) {
      EXPECT_EQ(rounded[p].scalar_type(), dtype);
      EXPECT_TRUE(torch::equal(rounded[p], noise[p].to(dtype)));
      Tensor total = noise[p].to(at::kDouble);
      for (const Tensors& record : expected) total += rule.weight(norm_of(record), 0) * record[p] / kBatch;
      differences.push_back(gradients[p].to(at::kDouble) - total);
      size += total.pow(2).sum().item<double>();
    }
    // Twice: the gradient, and the weight that follows from its norm; and the rounding of the result.
    for (const Tensors& record : expected) {
      const double norm = norm_of(record);
      error += 2 * kRoundings * unit_roundoff(dtype) * norm * rule.weight(norm, 0) / kBatch;
    }
    EXPECT_LE(norm_of(differences), error + unit_roundoff(dtype) * std::sqrt(size));
  });
}

template <class Optimizer, class Options>
void expect_step_of(const HalfModel& model, at::ScalarType dtype, const Options& options, const WholeBatches& whole,
                    const WholeBatches& parts) {
  Optimizer of_whole(whole.values, options), of_parts(parts.values, options);
  PrivateTraining step = whole.training(of_whole), compute = parts.training(of_parts);
  const auto alone = model.in(dtype);
  Tensors own;
  for (const NamedParameter& parameter : alone) own.push_back(parameter.tensor);
  Optimizer of_own(own, options);
  for (int k = 0; k < 3; ++k) {
    step.step(whole.losses);
    compute.compute_gradient(parts.losses);
    for (size_t p = 0; p < own.size(); ++p) own[p].mutable_grad() = parts.values[p].grad().clone();
    compute.update();
    of_own.step();
    for (size_t p = 0; p < own.size(); ++p) {
      EXPECT_EQ(whole.values[p].scalar_type(), dtype);
      EXPECT_TRUE(torch::equal(own[p], parts.values[p]));
      EXPECT_TRUE(torch::equal(own[p], whole.values[p]));
      EXPECT_FALSE(torch::equal(own[p], model.parameters[p].to(dtype)));
    }
  }
}

TEST_F(HalfPrecision, TheOptimizersOfLibTorchTakeThePrivateGradient) {
  int number = 0;
  for_each_model([&](const HalfModel& model, at::ScalarType dtype) {
    const auto run = [&] { return WholeBatches(model, dtype, options({}, std::to_string(number++))); };
    expect_step_of<torch::optim::SGD>(model, dtype, torch::optim::SGDOptions(0.5).momentum(0.9), run(), run());
    expect_step_of<torch::optim::Adam>(model, dtype, torch::optim::AdamOptions(0.05).eps(1e-3), run(), run());
  });
}

}  // namespace
}  // namespace sotto::optim

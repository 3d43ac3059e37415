#pragma once
// Models with every kind of use, their records, and the rules to clip them with.

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <gtest/gtest.h>
#include <sotto/optim/clipper.h>

#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "clipped_sum_access.h"
#include "flat.h"

namespace sotto::optim {

using at::Tensor;
using Tensors = std::vector<Tensor>;

struct Model {
  std::vector<NamedParameter> parameters;
  Losses losses;
  std::function<Tensors(int64_t records)> draw;
};

inline Tensor per_record(const Tensor& activation) {
  return (activation.flatten(1) * at::ones({1}, activation.options())).sum(1);
}

inline Tensors leaves(Tensors tensors, at::ScalarType dtype) {
  for (Tensor& tensor : tensors) tensor = tensor.to(dtype).detach().requires_grad_();
  return tensors;
}

inline Model make(Tensors p, std::function<Tensors(int64_t)> draw,
                  std::function<Tensor(const Tensors&, const Tensors&)> f) {
  Model model;
  for (size_t i = 0; i < p.size(); ++i) model.parameters.push_back({"p" + std::to_string(i), p[i]});
  model.draw = std::move(draw);
  model.losses = [p, f](const Tensors& x) { return f(p, x); };
  return model;
}

// Every kind of use: rank one, sequence, embedding, convolution, normalisation, biases, tied weights.
inline std::vector<Model> zoo(at::ScalarType dtype) {
  const auto options = at::TensorOptions(dtype);
  std::vector<Model> models;
  models.push_back(make(
      leaves({at::randn({6, 5}), at::randn({6}), at::randn({3, 6})}, dtype),
      [=](int64_t n) {
        return Tensors{at::randn({n, 5}, options)};
      },
      [](const Tensors& p, const Tensors& x) {
        return per_record(at::linear(at::tanh(at::linear(x[0], p[0], p[1])), p[2]).pow(2));
      }));
  models.push_back(make(
      leaves({at::randn({5}), at::randn({5}), at::randn({4, 5}), at::randn({4})}, dtype),
      [=](int64_t n) {
        return Tensors{at::randn({n, 7, 5}, options)};
      },
      [](const Tensors& p, const Tensors& x) {
        return per_record(at::sin(at::linear(at::layer_norm(x[0], {5}, p[0], p[1]), p[2], p[3])));
      }));
  models.push_back(make(
      leaves({at::randn({9, 4}), at::randn({4, 4})}, dtype),
      [=](int64_t n) {
        return Tensors{at::randint(0, 9, {n, 6}, at::kLong)};
      },
      [](const Tensors& p, const Tensors& x) {
        return per_record(at::linear(at::tanh(at::linear(at::embedding(p[0], x[0]), p[1])), p[0]).pow(2));
      }));
  models.push_back(make(
      leaves({at::randn({4, 2, 3, 3}), at::randn({4}), at::randn({4}), at::randn({4})}, dtype),
      [=](int64_t n) {
        return Tensors{at::randn({n, 2, 6, 6}, options)};
      },
      [](const Tensors& p, const Tensors& x) {
        return per_record(at::group_norm(at::conv2d(x[0], p[0], p[1]), 2, p[2], p[3]).pow(2));
      }));
  return models;
}

// One weight, gradient equal to the record.
inline Model identity(int64_t width, at::ScalarType dtype = at::kDouble) {
  return make(
      leaves({at::zeros({1, width})}, dtype),
      [=](int64_t n) {
        return Tensors{at::randn({n, width}, at::TensorOptions(dtype))};
      },
      [](const Tensors& p, const Tensors& x) { return at::linear(x[0], p[0]).sum(1); });
}

inline Tensors sum_of(const Model& model, const WeightRule& rule, const Tensors& inputs, std::vector<bool> active = {},
                      TapeOptions options = {}) {
  Clipper clipper(model.parameters, {}, rule, {}, options);
  clipper.add(inputs, model.losses, active);
  return ClippedSumTestAccess::values(clipper.take());
}

inline double distance(const Tensors& a, const Tensors& b) {
  return (flat(a) - flat(b)).norm().item<double>();
}
inline double norm(const Tensors& a) {
  return flat(a).norm().item<double>();
}
inline bool identical(const Tensors& a, const Tensors& b) {
  for (size_t t = 0; t < a.size(); ++t) {
    if (!at::equal(a[t], b[t])) return false;
  }
  return a.size() == b.size();
}
inline Tensors rows(const Tensors& inputs, const std::vector<int64_t>& indices) {
  Tensors result;
  for (const Tensor& input : inputs) result.push_back(input.index_select(0, at::tensor(indices, at::kLong)));
  return result;
}

inline std::vector<WeightRule> rules(double clip_norm) {
  return {WeightRule::flat(clip_norm), WeightRule::psac(clip_norm, 0.1), WeightRule::psac(clip_norm, 0.01),
          WeightRule::auto_s(clip_norm), WeightRule::nsgd(clip_norm)};
}

class ClipperTest : public ::testing::Test {
 protected:
  ClipperTest() {
    at::manual_seed(17);
    at::set_num_threads(1);  // the models are too small to share
  }
};

}  // namespace sotto::optim

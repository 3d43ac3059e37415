// Parameters that a model uses directly: scales, gates, tokens, slices, products of any shape.

#include <gtest/gtest.h>

#include "oracle_suite.h"

namespace sotto::optim::testing {
namespace {

using torch::indexing::None;
using torch::indexing::Slice;

const Cases& parameter_cases() {
  static const Cases all = [] {
    torch::manual_seed(3);
    Cases c;
    c["ScaleOfChannels"] = loose({random({5})}, {random({kB, 3, 5})}, [](auto& p, auto& x) { return x[0] * p[0]; });
    c["ScaleOfEveryShape"] =
        loose({random({5}), random({3, 1}), random({}), random({1, 3, 5})}, {random({kB, 3, 5})}, [](auto& p, auto& x) {
          return torch::tanh(p[1] * torch::tanh(x[0] * p[0])) * p[2] / (torch::exp(p[3]) + 1.0);
        });
    c["ScaleTimeFirst"] = loose({random({4, 1, 5})}, {random({kB, 4, 5})},
                                [](auto& p, auto& x) { return (x[0].transpose(0, 1) * p[0]).transpose(0, 1); });
    c["ScaleOfMergedRows"] = loose({random({5}), random({5})}, {random({kB, 4, 5})}, [](auto& p, auto& x) {
      return (x[0].transpose(0, 1).reshape({-1, 5}) * p[0] - p[1]).view({4, -1, 5}).transpose(0, 1);
    });
    c["GateOfTwoBranches"] = loose({random({5}), random({5, 5})}, {random({kB, 2, 5})}, [](auto& p, auto& x) {
      const Tensor gate = torch::sigmoid(p[0]);
      return gate * x[0] + (1.0 - gate) * torch::linear(x[0], p[1]);
    });
    c["LayerScale"] = loose({random({4, 4}), random({4})}, {random({kB, 3, 4})},
                            [](auto& p, auto& x) { return x[0] + p[1] * torch::linear(torch::gelu(x[0]), p[0]); });
    c["Power"] = loose({random({5}).abs() + 0.5}, {random({kB, 5}).abs() + 0.1},
                       [](auto& p, auto& x) { return torch::pow(x[0], p[0]); });
    c["MaximumOfParameter"] = loose({random({5}), random({3, 5})}, {random({kB, 3, 5})}, [](auto& p, auto& x) {
      return torch::maximum(x[0], p[0]) + torch::minimum(x[0], p[1]);
    });
    c["WhereMasked"] = loose({random({5}), random({})}, {random({kB, 3, 5})}, [](auto& p, auto& x) {
      return torch::where(x[0] > 0, p[0], torch::where(x[0] > -1, x[0], p[1]));
    });
    c["MaskTokenFilledIn"] =
        loose({random({})}, {random({kB, 5})}, [](auto& p, auto& x) { return x[0].masked_fill(x[0] > 0, p[0]); });
    c["LinearInterpolation"] =
        loose({random({5}), random({5}), random({3, 1})}, {random({kB, 3, 5})}, [](auto& p, auto& x) {
          return torch::lerp(torch::lerp(p[0].expand({3, 5}), x[0], p[2]), p[1].expand_as(x[0]), torch::sigmoid(x[0]));
        });
    c["AddedProducts"] = loose({random({5}), random({3, 5}), random({5})}, {random({kB, 3, 5})}, [](auto& p, auto& x) {
      return torch::addcdiv(torch::addcmul(p[0], x[0], p[1], 0.5), x[0], torch::exp(p[2]), 2.0);
    });
    c["ClampedByParameter"] = loose({random({5}) - 1.0, random({5}) + 1.0}, {random({kB, 5})},
                                    [](auto& p, auto& x) { return torch::clamp(x[0], p[0], p[1]); });
    c["ClassTokenExpanded"] =
        loose({random({1, 1, 4}), random({1, 6, 4}), random({4, 4})}, {random({kB, 5, 4})}, [](auto& p, auto& x) {
          const Tensor tokens = torch::cat({p[0].expand({x[0].size(0), -1, -1}), x[0]}, 1) + p[1];
          return torch::linear(torch::tanh(tokens), p[2]);
        });
    c["ClassTokenRepeatedTimeFirst"] = loose({random({1, 1, 4})}, {random({kB, 5, 4})}, [](auto& p, auto& x) {
      return torch::cat({x[0].transpose(0, 1), p[0].repeat({1, x[0].size(0), 1})}, 0).transpose(0, 1);
    });
    c["ClassTokenOfAFunction"] = loose({random({1, 4}), random({4, 4})}, {random({kB, 4})}, [](auto& p, auto& x) {
      const Tensor token = torch::tanh(torch::linear(p[0], p[1]));
      return torch::stack({x[0], token.expand_as(x[0])}, 1);
    });
    c["TokenStacked"] = loose({random({4})}, {random({kB, 4})}, [](auto& p, auto& x) {
      return torch::stack({p[0].unsqueeze(0).expand_as(x[0]), x[0] * p[0]}, 0).transpose(0, 1);
    });
    c["ConcatenatedTwice"] = loose({random({3})}, {random({kB, 2})}, [](auto& p, auto& x) {
      const Tensor row = p[0].view({1, 3}).expand({x[0].size(0), 3});
      return torch::cat({row, x[0], row.slice(1, 1)}, 1);
    });
    c["PositionsSliced"] = loose({random({9, 4})}, {random({kB, 5, 4})}, [](auto& p, auto& x) {
      return x[0] + p[0].slice(0, 0, 5) + p[0].index({Slice(2, 7)}).flip({0});
    });
    c["PositionsLookedUp"] = loose({random({9, 4}), random({4, 4})}, {random({kB, 5, 4})}, [](auto& p, auto& x) {
      const Tensor places = integers(0, 5, x[0]);
      return torch::linear(x[0] + torch::embedding(p[0], places), p[1]) + p[0].index_select(0, places);
    });
    c["PositionsGathered"] = loose({random({9, 4})}, {random({kB, 3, 4})}, [](auto& p, auto& x) {
      const Tensor rows = integers(0, 12, x[0]).view({3, 4}).remainder(9);
      return x[0] * torch::gather(p[0], 0, rows);
    });
    c["RelativePositions"] = loose({random({7, 2})}, {random({kB, 2, 4, 4})}, [](auto& p, auto& x) {
      const Tensor place = integers(0, 4, x[0]);
      const Tensor distance = (place.unsqueeze(0) - place.unsqueeze(1) + 3).flatten();
      return torch::softmax(x[0] + p[0].index({distance}).view({4, 4, 2}).permute({2, 0, 1}), -1);
    });
    c["RowsOfTheRecords"] = loose({random({6, 4}), random({6, 3})}, {tokens({kB, 5}, 6)}, [](auto& p, auto& x) {
      return torch::cat({p[0].index({x[0]}), p[1].index({x[0] - 6})}, -1);
    });
    c["RowOfTheRecordSelected"] =
        loose({random({6, 4})}, {tokens({kB}, 6)}, [](auto& p, auto& x) { return p[0].index_select(0, x[0]); });
    c["GatheredByTheRecord"] = loose({random({1, 6})}, {tokens({kB, 3}, 6)}, [](auto& p, auto& x) {
      return torch::gather(p[0].expand({x[0].size(0), 6}), 1, x[0]);
    });
    c["ColumnsSliced"] = loose({random({4, 10})}, {random({kB, 5})}, [](auto& p, auto& x) {
      return torch::linear(x[0], p[0].slice(1, 0, 5)) * torch::linear(x[0], p[0].slice(1, 5, 10));
    });
    c["ChunksOfOneWeight"] = loose({random({12, 4}), random({12})}, {random({kB, 3, 4})}, [](auto& p, auto& x) {
      const auto weights = p[0].chunk(3);
      const auto biases = p[1].chunk(3);
      Tensor y = x[0];
      for (size_t k = 0; k < 3; ++k) y = torch::tanh(torch::linear(y, weights[k], biases[k]));
      return y;
    });
    c["UnboundLayers"] = loose({random({2, 4, 4})}, {random({kB, 4})}, [](auto& p, auto& x) {
      const auto layers = p[0].unbind(0);
      return torch::linear(torch::tanh(torch::linear(x[0], layers[0])), layers[1]);
    });
    c["EverySecondRow"] = loose({random({8, 4})}, {random({kB, 4})},
                                [](auto& p, auto& x) { return torch::linear(x[0], p[0].slice(0, 0, 8, 2)); });
    c["EinsumOfHeads"] = loose({random({2, 5, 3})}, {random({kB, 4, 5})}, [](auto& p, auto& x) {
      return torch::einsum("btd,hdk->bthk", {x[0], p[0]});
    });
    c["EinsumOutputProjection"] = loose({random({2, 3, 5})}, {random({kB, 4, 2, 3})}, [](auto& p, auto& x) {
      return torch::einsum("bthk,hkd->btd", {x[0], p[0]});
    });
    c["EinsumPerHead"] = loose({random({2, 3, 5})}, {random({kB, 4, 2, 3})}, [](auto& p, auto& x) {
      return torch::einsum("bthk,hkd->bthd", {x[0], p[0]});
    });
    c["EinsumScale"] = loose({random({5})}, {random({kB, 3, 5})}, [](auto& p, auto& x) {
      return torch::einsum("btd,d->btd", {x[0], p[0]});
    });
    c["MatmulPerHead"] =
        loose({random({2, 5, 3})}, {random({kB, 2, 4, 5})}, [](auto& p, auto& x) { return torch::matmul(x[0], p[0]); });
    c["MatmulParameterInFront"] =
        loose({random({7, 4})}, {random({kB, 4, 5})}, [](auto& p, auto& x) { return torch::matmul(p[0], x[0]); });
    c["MatmulPerHeadInFront"] =
        loose({random({2, 3, 4})}, {random({kB, 2, 4, 5})}, [](auto& p, auto& x) { return torch::matmul(p[0], x[0]); });
    c["MatmulVector"] = loose({random({5})}, {random({kB, 3, 5})},
                              [](auto& p, auto& x) { return torch::matmul(torch::tanh(x[0]), p[0]); });
    c["MatrixInFront"] =
        loose({random({4, 5})}, {random({kB, 5})}, [](auto& p, auto& x) { return p[0].mm(x[0].t()).t(); });
    c["AddMatrixInFront"] = loose({random({4, 5}), random({4, 1})}, {random({kB, 5})},
                                  [](auto& p, auto& x) { return torch::addmm(p[1], p[0], x[0].t(), 0.5, 2.0).t(); });
    c["BatchedProductExpanded"] = loose({random({5, 3})}, {random({kB, 4, 5})}, [](auto& p, auto& x) {
      return torch::bmm(x[0], p[0].unsqueeze(0).expand({x[0].size(0), 5, 3}));
    });
    c["BatchedProductOfHeads"] = loose({random({2, 5, 3})}, {random({kB, 2, 5})}, [](auto& p, auto& x) {
      return torch::bmm(x[0].transpose(0, 1), p[0]).transpose(0, 1);
    });
    c["BatchedProductAdded"] =
        loose({random({5, 3}), random({3}), random({1, 4, 1})}, {random({kB, 4, 5})}, [](auto& p, auto& x) {
          const Tensor weight = p[0].expand({x[0].size(0), 5, 3});
          return torch::baddbmm(p[1] * p[2], x[0], weight, 0.5, 3.0);
        });
    c["TokenMixing"] = loose({random({4, 4}), random({5, 5})}, {random({kB, 4, 5})}, [](auto& p, auto& x) {
      const Tensor mixed = torch::linear(x[0].transpose(1, 2), p[0]).transpose(1, 2);
      return torch::linear(torch::gelu(x[0] + mixed), p[1]);
    });
    c["PReLUOne"] = module([] { return nn::PReLU(); }, {random({kB, 3, 4})});
    c["PReLUChannels"] =
        module([] { return nn::PReLU(nn::PReLUOptions().num_parameters(3)); }, {random({kB, 3, 4, 2})});
    c["Bilinear"] = loose({random({3, 4, 5}), random({3})}, {random({kB, 2, 4}), random({kB, 2, 5})},
                          [](auto& p, auto& x) { return torch::bilinear(x[0], x[1], p[0], p[1]); });
    c["BilinearRank2"] = loose({random({3, 4, 5})}, {random({kB, 4}), random({kB, 5})},
                               [](auto& p, auto& x) { return torch::bilinear(x[0], x[1], p[0], {}); });
    c["OneParameterEverywhere"] = loose({random({4, 4})}, {random({kB, 4, 4})}, [](auto& p, auto& x) {
      const Tensor y = torch::linear(x[0], p[0]) * p[0] + p[0].t();
      return torch::matmul(p[0], torch::tanh(y)) + p[0].diagonal() + p[0].sum();
    });
    c["TemperatureOfTheLoss"] =
        loose({random({5, 4}), random({})}, {random({kB, 4}), tokens({kB}, 5)}, [](auto& p, auto& x) {
          return torch::log_softmax(torch::linear(x[0], p[0]) * torch::exp(p[1]), 1).gather(1, x[1].unsqueeze(1));
        });
    c["LearnedTarget"] = loose({random({5})}, {random({kB, 5})}, [](auto& p, auto& x) {
      return torch::mse_loss(x[0], p[0].expand_as(x[0]), at::Reduction::None) +
             torch::huber_loss(p[0].expand_as(x[0]), x[0], at::Reduction::None, 0.3);
    });
    return c;
  }();
  return all;
}

INSTANTIATE_TEST_SUITE_P(Parameters, Oracle, keep_and_drop(parameter_cases()), case_name);

}  // namespace
}  // namespace sotto::optim::testing

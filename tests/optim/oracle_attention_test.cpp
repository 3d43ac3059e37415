// Attention: MultiheadAttention, scaled_dot_product_attention in every form, transformer layers.

#include <gtest/gtest.h>

#include "oracle_suite.h"

namespace sotto::optim::testing {
namespace {

using Options = nn::MultiheadAttentionOptions;

// Multi-head attention of a sequence with itself or with another one. Inputs come batch first and go time first, as the
// layer wants them; the second input is true where a key is padding.
Factory multihead(Options options, bool self, bool masked = false, bool causal = false) {
  return [=](torch::Dtype dtype) {
    nn::MultiheadAttention of{options};
    of->to(dtype);
    const int64_t width = options.kdim();
    Model model{named(*of), {}, {random({kB, 4, options.embed_dim()}).to(dtype)}, {}};
    if (!self) model.inputs.push_back(random({kB, 3, width}).to(dtype));
    if (masked) model.inputs.push_back(torch::rand({kB, self ? 4 : 3}).gt(0.8));
    model.losses = [of, self, masked, causal](const Tensors& x) mutable {
      const Tensor query = x[0].transpose(0, 1);
      const Tensor key = self ? query : x[1].transpose(0, 1);
      const Tensor mask = causal ? torch::ones({4, key.size(0)}, key.options().dtype(torch::kBool)).triu(1) : Tensor();
      const Tensor padding = masked ? x.back() : Tensor();
      return to_losses(std::get<0>(of->forward(query, key, key, padding, false, mask)).transpose(0, 1));
    };
    return model;
  };
}

// Projections by hand, then the fused operator.
Factory fused(bool causal, std::function<Tensor(const Tensor& like)> mask = {}) {
  return loose({random({18, 6}), random({18})}, {random({kB, 5, 6})}, [=](auto& p, auto& x) {
    const auto parts = torch::linear(x[0], p[0], p[1]).view({-1, 5, 3, 2, 3}).permute({2, 0, 3, 1, 4}).unbind(0);
    const std::optional<Tensor> given = mask ? std::optional(mask(x[0])) : std::nullopt;
    return torch::scaled_dot_product_attention(parts[0], parts[1], parts[2], given, 0.0, causal).transpose(1, 2);
  });
}

const Cases& attention_cases() {
  static const Cases all = [] {
    torch::manual_seed(6);
    Cases c;
    c["MultiheadSelf"] = multihead(Options(6, 2), true);
    c["MultiheadSelfWithoutBias"] = multihead(Options(6, 2).bias(false), true);
    c["MultiheadCross"] = multihead(Options(6, 2), false);
    c["MultiheadCrossOtherWidths"] = multihead(Options(6, 2).kdim(4).vdim(4), false);
    c["MultiheadLearnedKeys"] = multihead(Options(6, 2).add_bias_kv(true).add_zero_attn(true), true);
    c["MultiheadPadded"] = multihead(Options(6, 2), true, /*masked=*/true);
    c["MultiheadCausal"] = multihead(Options(6, 2), true, false, /*causal=*/true);
    c["MultiheadCrossPadded"] = multihead(Options(6, 3), false, /*masked=*/true);
    c["Fused"] = fused(false);
    c["FusedCausal"] = fused(true);
    c["FusedMasked"] = fused(false, [](const Tensor& like) {
      return torch::arange(25, like.options()).view({5, 5}).cos();
    });
    c["FusedMaskedByBooleans"] = fused(false, [](const Tensor& like) {
      return torch::ones({5, 5}, like.options().dtype(torch::kBool)).tril();
    });
    c["FusedMaskedByTheRecord"] = fused(false, [](const Tensor& like) {
      return like.select(2, 0).gt(-1.0).view({-1, 1, 1, 5});
    });
    c["FusedRelativeBias"] = loose({random({9, 2}), random({6, 6})}, {random({kB, 5, 6})}, [](auto& p, auto& x) {
      const Tensor heads = torch::linear(x[0], p[1]).view({-1, 5, 2, 3}).transpose(1, 2);
      const Tensor place = integers(0, 5, x[0]);
      const Tensor distance = (place.unsqueeze(0) - place.unsqueeze(1) + 4).flatten();
      const Tensor bias = p[0].index_select(0, distance).view({5, 5, 2}).permute({2, 0, 1});
      return torch::scaled_dot_product_attention(heads, heads, heads, bias);
    });
    c["FusedLearnedQueries"] = loose({random({2, 3, 3}), random({6, 6})}, {random({kB, 5, 6})}, [](auto& p, auto& x) {
      const Tensor keys = torch::linear(x[0], p[1]).view({-1, 5, 2, 3}).transpose(1, 2);
      return torch::scaled_dot_product_attention(p[0].expand({x[0].size(0), 2, 3, 3}), keys, keys);
    });
    c["FusedTiedProjections"] = loose({random({6, 6})}, {random({kB, 4, 6})}, [](auto& p, auto& x) {
      const Tensor y = torch::linear(x[0], p[0]).unsqueeze(1);
      return torch::linear(torch::scaled_dot_product_attention(y, y, torch::tanh(y)), p[0].t());
    });
    c["FusedGroupedQueries"] = loose({random({12, 6}), random({6, 6})}, {random({kB, 4, 6})}, [](auto& p, auto& x) {
      const Tensor query = torch::linear(x[0], p[0]).view({-1, 4, 4, 3}).transpose(1, 2);
      const Tensor key = torch::linear(x[0], p[1]).view({-1, 4, 2, 3}).transpose(1, 2);
      return torch::scaled_dot_product_attention(query, key, key, {}, 0.0, true, std::nullopt, true);
    });
    c["FusedCalledDirectly"] = loose({random({6, 6})}, {random({kB, 4, 6})}, [](auto& p, auto& x) {
      const Tensor y = torch::linear(x[0], p[0]).view({-1, 4, 2, 3}).transpose(1, 2);
      return std::get<0>(at::_scaled_dot_product_flash_attention_for_cpu(y, y, torch::tanh(y), 0.0, true));
    });
    c["ByHand"] = loose({random({12, 6}), random({6, 6})}, {random({kB, 4, 6})}, [](auto& p, auto& x) {
      const auto qk = torch::linear(x[0], p[0]).chunk(2, -1);
      const Tensor weights = torch::softmax(qk[0].matmul(qk[1].transpose(1, 2)) / 2.4, -1);
      return weights.matmul(torch::linear(x[0], p[1]));
    });
    c["DecoderLayer"] = [](torch::Dtype dtype) {
      nn::TransformerDecoderLayer of{nn::TransformerDecoderLayerOptions(6, 2).dim_feedforward(8).dropout(0.0)};
      of->to(dtype);
      Model model{named(*of), {}, {random({kB, 3, 6}).to(dtype), random({kB, 4, 6}).to(dtype)}, {}};
      model.losses = [of](const Tensors& x) mutable {
        return to_losses(of->forward(x[0].transpose(0, 1), x[1].transpose(0, 1)).transpose(0, 1));
      };
      return model;
    };
    return c;
  }();
  return all;
}

INSTANTIATE_TEST_SUITE_P(Attention, Oracle, keep_and_drop(attention_cases()), case_name);

}  // namespace
}  // namespace sotto::optim::testing

// Calls of layers, of windows other than pooling, and of operators that look things up.

#include <ATen/TensorOperators.h>
#include <ATen/ops/arange.h>
#include <sotto/optim/lstm_layer.h>

#include "transfer_case_values.h"

namespace sotto::optim {

void add_layer_cases(std::vector<Case>& all) {
  const auto add = [&](const std::string& name, const std::string& overload, std::vector<c10::IValue> arguments,
                       bool random = false) {
    all.push_back({name, overload, std::move(arguments), random});
  };
  const auto x = [] { return uniform({3, 6, 4}); };
  for (const char* name :
       {"asinh", "atanh", "erfc", "erfinv", "exp2", "frac", "lgamma", "log10", "logit", "sgn", "sinc", "trunc"}) {
    add(name, "", {x()});
  }
  add("exponential", "", {x()}, true);
  add("rrelu", "", {x(), 0.1, 0.3, true}, true);
  add("alpha_dropout", "", {x(), 0.5, true}, true);
  add("feature_alpha_dropout", "", {x(), 0.5, true}, true);
  for (const char* name : {"copysign", "fmod", "remainder"}) add(name, "Tensor", {uniform({3, 3}), uniform({3})});
  for (const char* name : {"fmax", "fmin", "hypot", "logaddexp2", "logical_xor"}) {
    add(name, "", {uniform({3, 3}), uniform({3})});
  }
  add("bitwise_xor", "Tensor", {booleans({3, 3}), booleans({3})});
  add("_prelu_kernel", "", {uniform({3, 3, 3}), uniform({1, 3, 1})});
  add("result_type", "Tensor", {uniform({3, 3}), uniform({3})});
  add("is_same_size", "", {uniform({3, 3}), uniform({3, 3})});
  for (int64_t reduction : {0, 1, 2}) add("soft_margin_loss", "", {uniform({3, 3}), uniform({3, 3}), reduction});
  // Products and attention.
  add("mv", "", {uniform({3, 3}), uniform({3})});
  add("bilinear", "", {uniform({3, 3, 3}), uniform({3, 3, 3}), uniform({2, 3, 3}), uniform({2})});
  const auto heads = [](int64_t batch, int64_t length) { return uniform({batch, 3, length, 2}); };
  add("scaled_dot_product_attention", "", {heads(3, 3), heads(3, 3), heads(3, 3), c10::IValue{}, 0.0, true});
  add("_scaled_dot_product_attention_math", "", {heads(3, 3), heads(3, 3), heads(3, 3), uniform({3, 3})});
  add("_scaled_dot_product_flash_attention_for_cpu", "", {heads(3, 3), heads(3, 3), heads(3, 3)});
  // Normalisation.
  add("rms_norm", "", {uniform({3, 3}), Ints{3}, uniform({3})});
  add("rms_norm", "", {uniform({3, 6, 3}), Ints{6, 3}, uniform({6, 3})});
  for (bool own : {true, false}) {
    add("instance_norm", "",
        {uniform({3, 3, 6}), uniform({3}), uniform({3}), own ? c10::IValue{} : uniform({3}),
         own ? c10::IValue{} : uniform({3}), own, 0.1, 1e-5, false});
    add("instance_norm", "",
        {uniform({3, 3, 3}), c10::IValue{}, c10::IValue{}, uniform({3}), uniform({3}), own, 0.1, 1e-5, false});
  }
  // A recurrent layer: T = 4, E = 2, H = 2, from states of the records and from one state for all.
  define_lstm_layer();
  for (const bool reverse : {false, true}) {
    const auto state = [&] { return reverse ? uniform({3, 2}) : uniform({1, 2}).expand({3, 2}); };
    add(kLstmLayer, "",
        {uniform({4, 3, 2}), state(), state(), uniform({8, 2}), uniform({8, 2}), uniform({8}), uniform({8}), reverse});
  }
  // Windows and resizing.
  add("adaptive_max_pool3d", "", {uniform({3, 3, 3, 3, 3}), Ints{2, 2, 2}});
  add("pixel_shuffle", "", {uniform({3, 12, 3, 3}), 2});
  add("pixel_unshuffle", "", {uniform({3, 3, 6, 6}), 2});
  add("im2col", "", {uniform({3, 3, 3, 3}), Ints{2, 2}, Ints{1, 1}, Ints{0, 0}, Ints{1, 1}});
  add("col2im", "", {uniform({3, 12, 4}), Ints{3, 3}, Ints{2, 2}, Ints{1, 1}, Ints{0, 0}, Ints{1, 1}});
  add("tril", "", {uniform({3, 3, 3})});
  add("triu", "", {uniform({3, 3, 3})});
  add("upsample_nearest1d", "", {uniform({3, 3, 3}), Ints{5}});
  add("_upsample_nearest_exact1d", "", {uniform({3, 3, 3}), Ints{5}});
  add("upsample_linear1d", "", {uniform({3, 3, 3}), Ints{5}, false});
  for (const char* name : {"upsample_nearest2d", "_upsample_nearest_exact2d"}) {
    add(name, "", {uniform({3, 3, 3, 3}), Ints{5, 4}});
  }
  for (const char* name :
       {"upsample_bilinear2d", "upsample_bicubic2d", "_upsample_bilinear2d_aa", "_upsample_bicubic2d_aa"}) {
    add(name, "", {uniform({3, 3, 3, 3}), Ints{5, 4}, false});
  }
  for (const char* name : {"upsample_nearest3d", "_upsample_nearest_exact3d"}) {
    add(name, "", {uniform({3, 3, 3, 3, 3}), Ints{5, 4, 3}});
  }
  add("upsample_trilinear3d", "", {uniform({3, 3, 3, 3, 3}), Ints{5, 4, 3}, false});
  add("grid_sampler_2d", "", {uniform({3, 3, 3, 3}), uniform({3, 3, 3, 2}), 0, 0, false});
  add("grid_sampler_3d", "", {uniform({3, 3, 3, 3, 3}), uniform({3, 3, 3, 3, 3}), 0, 0, false});
  // Looking things up.
  const at::Tensor first_of_two = at::arange(0, 6, 2);
  for (int64_t mode : {0, 1, 2}) {
    add("embedding_bag", "padding_idx",
        {uniform({5, 3}), integers({6}, 5), first_of_two, false, mode, false, c10::IValue{}, false, c10::IValue{}});
    add("embedding_bag", "padding_idx",
        {uniform({5, 3}), integers({6}, 5), first_of_two, false, mode, false, c10::IValue{}, false, 1});
    add("embedding_bag", "",
        {uniform({5, 3}), integers({6}, 5), at::arange(0, 8, 2), false, mode, false, c10::IValue{}, true});
  }
  add("embedding_bag", "", {uniform({5, 3}), integers({12}, 5), at::arange(0, 12, 2), false, 0, false, uniform({12})});
  const auto entries = [](std::vector<std::optional<at::Tensor>> of) {
    c10::List<std::optional<at::Tensor>> list;
    for (auto& entry : of) list.push_back(std::move(entry));
    return c10::IValue(list);
  };
  add("index", "Tensor", {uniform({3, 3}), entries({integers({3, 3}, 3)})});
  add("index", "Tensor", {uniform({3, 3, 3}), entries({std::nullopt, integers({3}, 3)})});
  add("index", "Tensor", {uniform({3, 3, 3}), entries({std::nullopt, integers({3, 2}, 3), integers({2}, 3)})});
  add("index", "Tensor", {uniform({3, 3, 3}), entries({integers({2, 3}, 3), integers({3}, 3)})});
  add("index", "Tensor", {uniform({3, 3, 3}), entries({integers({3}, 3), std::nullopt, integers({3}, 3)})});
  add("index_select", "", {uniform({3, 3}), 0, integers({3}, 3)});
  add("gather", "", {uniform({1, 3}).expand({3, 3}), 1, integers({3, 3}, 3)});
  add("gather", "", {uniform({3, 3}), 1, integers({1, 3}, 3).expand({3, 3})});
  // One dimension is treated apart.
  for (int64_t dim : {0, 1, 2, -1}) {
    for (const char* name : {"cumprod", "logcumsumexp", "cummax"}) add(name, "", {uniform({3, 6, 3}), dim});
    add("_safe_softmax", "", {uniform({3, 6, 3}), dim});
    add("unsafe_split", "Tensor", {uniform({3, 6, 3}), 3, dim});
    add("unsafe_split_with_sizes", "", {uniform({6, 6, 6}), Ints{3, 3}, dim});
    add("unsafe_chunk", "", {uniform({6, 6, 6}), 2, dim});
    add("unfold", "", {uniform({3, 6, 3}), dim, 2, 1});
    add("topk", "", {uniform({3, 6, 3}), 2, dim});
    add("sort", "", {uniform({3, 6, 3}), dim});
    add("sort", "stable", {uniform({3, 6, 3}), true, dim});
    add("flip", "", {uniform({3, 6, 3}), Ints{dim}});
    add("roll", "", {uniform({3, 6, 3}), Ints{1}, Ints{dim}});
    add("argmin", "", {uniform({3, 6, 3}), dim, false});
    for (bool keep : {false, true}) {
      add("prod", "dim_int", {uniform({3, 6, 3}), dim, keep});
      add("any", "dim", {booleans({3, 6, 3}), dim, keep});
      add("all", "dim", {booleans({3, 6, 3}), dim, keep});
      add("var_mean", "correction", {uniform({3, 6, 3}), Ints{dim}, c10::IValue{}, keep});
      add("std_mean", "correction", {uniform({3, 6, 3}), Ints{dim}, c10::IValue{}, keep});
    }
  }
  add("roll", "", {uniform({3, 6}), Ints{1}});
  for (const char* name : {"prod", "any", "all"}) add(name, "", {uniform({3, 3})});
  add("repeat", "", {uniform({3, 3}), Ints{2, 1, 2}});
  add("repeat", "", {uniform({3, 3}), Ints{2, 1}});
}

}  // namespace sotto::optim

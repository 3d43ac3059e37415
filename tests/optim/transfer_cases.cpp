// Calls of operators that work element by element, and of the common ones.

#include "transfer_case_values.h"

namespace sotto::optim {
namespace {

using at::Tensor;
using Arguments = std::vector<c10::IValue>;

}  // namespace

std::vector<Case> cases() {
  std::vector<Case> all;
  const auto add = [&](const std::string& name, const std::string& overload, Arguments arguments, bool random = false) {
    all.push_back({name, overload, std::move(arguments), random});
  };
  const auto x = [] { return uniform({3, 6, 4}); };
  // One tensor, no other argument without a default.
  for (const char* name : {"abs",
                           "acos",
                           "alias",
                           "asin",
                           "atan",
                           "ceil",
                           "celu",
                           "clone",
                           "cos",
                           "cosh",
                           "detach",
                           "elu",
                           "erf",
                           "exp",
                           "expm1",
                           "floor",
                           "gelu",
                           "hardshrink",
                           "hardsigmoid",
                           "hardswish",
                           "hardtanh",
                           "isfinite",
                           "isinf",
                           "isnan",
                           "leaky_relu",
                           "lift_fresh",
                           "log",
                           "log1p",
                           "log2",
                           "log_sigmoid",
                           "log_sigmoid_forward",
                           "mish",
                           "nan_to_num",
                           "neg",
                           "ones_like",
                           "reciprocal",
                           "relu",
                           "relu6",
                           "round",
                           "rsqrt",
                           "selu",
                           "sigmoid",
                           "sign",
                           "silu",
                           "sin",
                           "sinh",
                           "softplus",
                           "softshrink",
                           "sqrt",
                           "square",
                           "tan",
                           "tanh",
                           "zeros_like",
                           "_to_copy",
                           "contiguous",
                           "zero"}) {
    add(name, "", {x()});
  }
  add("bitwise_not", "", {booleans({3, 6})});
  add("logical_not", "", {booleans({3, 6})});
  add("clamp", "", {x(), 0.2, 0.6});
  add("clamp", "Tensor", {x(), uniform({3, 1, 4}), uniform({6, 4})});
  add("clamp_max", "", {x(), 0.5});
  add("clamp_min", "", {x(), 0.5});
  add("threshold", "", {x(), 0.5, 0.1});
  add("full_like", "", {x(), 2.0});
  add("fill", "Scalar", {x(), 2.0});
  add("pow", "Tensor_Scalar", {x(), 2.0});
  add("add", "Scalar", {x(), 2.0});
  add("div", "Tensor_mode", {uniform({3, 3}), uniform({3, 3}), "floor"});
  add("to", "dtype", {x(), at::kFloat});
  add("to", "other", {x(), uniform({3})});
  add("type_as", "", {x(), uniform({3})});
  for (const char* name : {"bernoulli", "rand_like", "randn_like"}) add(name, "", {x()}, true);
  add("dropout", "", {x(), 0.5, true}, true);
  add("feature_dropout", "", {x(), 0.5, true}, true);
  add("native_dropout", "", {x(), 0.5, true}, true);
  add("normal", "float_Tensor", {0.0, x()}, true);
  add("uniform", "", {x()}, true);
  // Two tensors that broadcast.
  for (const auto& [first, second] : std::vector<std::pair<Ints, Ints>>{
           {{3, 3}, {3, 3}}, {{3, 3}, {3}}, {{3, 2}, {3, 1}}, {{3}, {3, 3}}, {{6, 2}, {6, 2}}, {{3, 2}, {1, 2}}}) {
    for (const char* name : {"add", "sub", "rsub", "mul", "div", "eq", "ne", "lt", "le", "gt", "ge", "xlogy"}) {
      add(name, name == std::string("xlogy") ? "Tensor" : "Tensor", {uniform(first), uniform(second)});
    }
    for (const char* name : {"atan2", "maximum", "minimum", "logaddexp", "logical_and", "logical_or"}) {
      add(name, "", {uniform(first), uniform(second)});
    }
    add("pow", "Tensor_Tensor", {uniform(first), uniform(second)});
    add("bitwise_and", "Tensor", {booleans(first), booleans(second)});
    add("bitwise_or", "Tensor", {booleans(first), booleans(second)});
    add("max", "other", {uniform(first), uniform(second)});
    add("min", "other", {uniform(first), uniform(second)});
    add("where", "self", {booleans(first), uniform(second), uniform(first)});
    add("masked_fill", "Scalar", {uniform(first), booleans(second), 2.0});
    add("lerp", "Tensor", {uniform(first), uniform(first), uniform(second)});
    add("addcmul", "", {uniform(first), uniform(second), uniform(second)});
    add("addcdiv", "", {uniform(first), uniform(second), uniform(second)});
  }
  add("copy", "", {uniform({3, 3}), uniform({3, 3})});
  // Losses.
  for (int64_t reduction : {0, 1, 2}) {
    add("mse_loss", "", {uniform({3, 3}), uniform({3, 3}), reduction});
    add("l1_loss", "", {uniform({3, 3}), uniform({3, 3}), reduction});
    add("smooth_l1_loss", "", {uniform({3, 3}), uniform({3, 3}), reduction});
    add("huber_loss", "", {uniform({3, 3}), uniform({3, 3}), reduction});
    add("binary_cross_entropy", "", {uniform({3, 3}), uniform({3, 3}), uniform({3}), reduction});
    add("binary_cross_entropy_with_logits", "",
        {uniform({3, 3}), uniform({3, 3}), uniform({3, 1}), uniform({3}), reduction});
    add("nll_loss_forward", "", {uniform({3, 3}), integers({3}, 3), uniform({3}), reduction, -100});
    add("nll_loss2d_forward", "", {uniform({3, 3, 2, 2}), integers({3, 2, 2}, 3), uniform({3}), reduction, -100});
  }
  // Products.
  add("linear", "", {uniform({3, 3}), uniform({3, 3}), uniform({3})});
  add("linear", "", {uniform({3, 6, 3}), uniform({2, 3}), uniform({2})});
  add("mm", "", {uniform({3, 3}), uniform({3, 6})});
  add("bmm", "", {uniform({3, 3, 3}), uniform({3, 3, 3})});
  add("bmm", "", {uniform({3, 6, 2}), uniform({3, 2, 6})});
  add("addmm", "", {uniform({3, 3}), uniform({3, 3}), uniform({3, 3})});
  add("addmm", "", {uniform({3}), uniform({3, 2}), uniform({2, 3})});
  add("baddbmm", "", {uniform({3, 3, 3}), uniform({3, 3, 2}), uniform({3, 2, 3})});
  add("baddbmm", "", {uniform({1, 1, 3}), uniform({3, 6, 2}), uniform({3, 2, 3})});
  add("convolution", "",
      {uniform({3, 3, 6}), uniform({3, 3, 2}), uniform({3}), Ints{1}, Ints{0}, Ints{1}, false, Ints{0}, 1});
  add("convolution", "",
      {uniform({6, 3, 4, 4}), uniform({3, 1, 3, 3}), c10::IValue{}, Ints{2, 1}, Ints{1, 1}, Ints{1, 1}, false,
       Ints{0, 0}, 3});
  add("convolution", "",
      {uniform({3, 3, 6}), uniform({3, 3, 2}), uniform({3}), Ints{1}, Ints{0}, Ints{1}, true, Ints{0}, 1});
  add("embedding", "", {uniform({6, 3}), integers({3, 3}, 6)});
  add("scaled_dot_product_attention", "", {uniform({3, 3, 3, 2}), uniform({3, 3, 3, 2}), uniform({3, 3, 3, 2})});
  add("scaled_dot_product_attention", "",
      {uniform({3, 2, 3, 2}), uniform({3, 2, 3, 2}), uniform({3, 2, 3, 2}), uniform({3, 1, 3, 3})});
  add("scaled_dot_product_attention", "",
      {uniform({3, 3, 2}), uniform({3, 3, 2}), uniform({3, 3, 2}), booleans({3, 3})});
  // Windows.
  add("max_pool1d", "", {uniform({3, 3, 6}), Ints{2}});
  add("max_pool2d", "", {uniform({3, 3, 6, 6}), Ints{2, 2}});
  add("max_pool3d", "", {uniform({3, 3, 3, 3, 3}), Ints{2, 2, 2}});
  add("max_pool2d_with_indices", "", {uniform({3, 3, 6, 6}), Ints{2, 2}});
  add("max_pool3d_with_indices", "", {uniform({3, 3, 3, 3, 3}), Ints{2, 2, 2}});
  add("avg_pool1d", "", {uniform({3, 3, 6}), Ints{2}});
  add("avg_pool2d", "", {uniform({3, 3, 6}), Ints{2, 2}});  // three dimensions: no batch of LibTorch's own
  add("avg_pool3d", "", {uniform({3, 3, 3, 3, 3}), Ints{2, 2, 2}});
  add("adaptive_avg_pool1d", "", {uniform({3, 3, 6}), Ints{2}});
  add("adaptive_avg_pool2d", "", {uniform({3, 3, 6, 3}), Ints{2, 2}});
  add("adaptive_avg_pool3d", "", {uniform({3, 3, 3, 3, 3}), Ints{2, 2, 2}});
  add("adaptive_max_pool2d", "", {uniform({3, 3, 6, 3}), Ints{2, 2}});
  add("constant_pad_nd", "", {uniform({3, 3, 3}), Ints{1, 2, 0, 1}});
  add("pad", "", {uniform({3, 3, 3}), Ints{1, 1}, "reflect"});
  add("_pad_enum", "", {uniform({3, 3, 3}), Ints{1, 1}, 1});
  add("_pad_circular", "", {uniform({3, 3, 3}), Ints{1, 1}});
  add("reflection_pad1d", "", {uniform({3, 3, 3}), Ints{1, 1}});
  add("reflection_pad2d", "", {uniform({3, 3, 3, 3}), Ints{1, 1, 1, 1}});
  add("reflection_pad3d", "", {uniform({3, 3, 3, 3, 3}), Ints{1, 1, 1, 1, 1, 1}});
  add("replication_pad1d", "", {uniform({3, 3, 3}), Ints{1, 1}});
  add("replication_pad2d", "", {uniform({3, 3, 3, 3}), Ints{1, 1, 1, 1}});
  add("replication_pad3d", "", {uniform({3, 3, 3, 3, 3}), Ints{1, 1, 1, 1, 1, 1}});
  // One dimension is treated apart.
  for (int64_t dim : {0, 1, 2, -1}) {
    add("_softmax", "", {uniform({3, 6, 3}), dim, false});
    add("_log_softmax", "", {uniform({3, 6, 3}), dim, false});
    add("softmax", "int", {uniform({3, 6, 3}), dim});
    add("log_softmax", "int", {uniform({3, 6, 3}), dim});
    add("cumsum", "", {uniform({3, 6, 3}), dim});
    add("glu", "", {uniform({6, 6, 6}), dim});
    add("slice", "Tensor", {uniform({3, 6, 3}), dim, 0, 3, 2});
    add("split", "Tensor", {uniform({3, 6, 3}), 3, dim});
    add("split_with_sizes", "", {uniform({6, 6, 6}), Ints{3, 3}, dim});
    add("chunk", "", {uniform({6, 6, 6}), 2, dim});
    add("select", "int", {uniform({3, 6, 3}), dim, 1});
    add("unbind", "int", {uniform({3, 6, 3}), dim});
    add("unsqueeze", "", {uniform({3, 6, 3}), dim});
    add("index_select", "", {uniform({3, 6, 3}), dim, integers({3}, 3)});
    add("gather", "", {uniform({3, 3, 3}), dim, integers({3, 3, 3}, 3)});
    add("argmax", "", {uniform({3, 6, 3}), dim, false});
    add("argmax", "", {uniform({3, 6, 3})});
    add("max", "dim", {uniform({3, 6, 3}), dim, false});
    add("min", "dim", {uniform({3, 6, 3}), dim, true});
    for (bool keep : {false, true}) {
      add("sum", "dim_IntList", {uniform({3, 6, 3}), Ints{dim}, keep});
      add("mean", "dim", {uniform({3, 6, 3}), Ints{dim}, keep});
      add("mean", "dim", {uniform({3, 6, 3}), Ints{dim, dim == 1 ? 2 : 1}, keep});
      add("amax", "", {uniform({3, 6, 3}), Ints{dim}, keep});
      add("amin", "", {uniform({3, 6, 3}), Ints{dim}, keep});
      add("logsumexp", "", {uniform({3, 6, 3}), Ints{dim}, keep});
      add("norm", "ScalarOpt_dim", {uniform({3, 6, 3}), 2.0, Ints{dim}, keep});
      add("var", "correction", {uniform({3, 6, 3}), Ints{dim}, c10::IValue{}, keep});
      add("std", "correction", {uniform({3, 6, 3}), Ints{dim}, c10::IValue{}, keep});
      add("var", "dim", {uniform({3, 6, 3}), Ints{dim}, true, keep});
      add("linalg_vector_norm", "", {uniform({3, 6, 3}), 2.0, Ints{dim}, keep});
    }
    add("squeeze", "dim", {uniform({3, 1, 3}), dim});
  }
  for (const char* name : {"sum", "mean", "max", "min"}) add(name, "", {uniform({3, 3})});
  add("norm", "Scalar", {uniform({3, 3})});
  add("var", "", {uniform({3, 3})});
  add("linalg_vector_norm", "", {uniform({3, 3}), 2.0});
  add("amax", "", {uniform({3, 3})});
  add("squeeze", "", {uniform({1, 3, 1, 3})});
  add("squeeze", "dims", {uniform({1, 3, 1, 3}), Ints{0, 2}});
  add("where", "", {booleans({3, 3})});
  // Shapes.
  for (const Ints& sizes : std::vector<Ints>{{18, 4}, {3, 24}, {3, 2, 3, 4}, {72}, {9, 2, 4}, {6, 3, 4}}) {
    add("view", "", {x(), sizes});
    add("reshape", "", {x(), sizes});
    add("_unsafe_view", "", {x(), sizes});
  }
  add("view", "dtype", {uniform({3, 6}), at::kFloat});
  add("view", "dtype", {uniform({6, 3}), at::kFloat});
  add("flatten", "using_ints", {x(), 0, 1});
  add("flatten", "using_ints", {x(), 1, 2});
  add("unflatten", "int", {x(), 1, Ints{2, 3}});
  add("expand", "", {uniform({3, 1}), Ints{2, 3, 4}});
  add("transpose", "int", {x(), 0, 1});
  add("transpose", "int", {x(), -1, 0});
  add("t", "", {uniform({3, 6})});
  add("t", "", {uniform({3})});
  add("permute", "", {x(), Ints{2, 0, 1}});
  add("permute", "", {x(), Ints{-1, 1, 0}});
  for (int64_t dim : {0, 1, -1}) {
    add("cat", "", {std::vector<Tensor>{uniform({3, 3}), uniform({3, 3})}, dim});
    add("stack", "", {std::vector<Tensor>{uniform({3, 3}), uniform({3, 3})}, dim});
  }
  for (const char* name : {"new_zeros", "new_ones"}) add(name, "", {x(), Ints{3, 3}});
  add("new_full", "", {x(), Ints{3, 3}, 1.0});
  // Normalisations.
  add("native_layer_norm", "", {uniform({3, 3}), Ints{3}, uniform({3}), uniform({3}), 1e-5});
  add("native_layer_norm", "", {uniform({3, 6, 3}), Ints{6, 3}, uniform({6, 3}), c10::IValue{}, 1e-5});
  add("native_group_norm", "", {uniform({3, 6, 2}), uniform({6}), uniform({6}), 3, 6, 2, 3, 1e-5});
  add("native_group_norm", "", {uniform({6, 3}), uniform({3}), uniform({3}), 6, 3, 1, 1, 1e-5});
  for (bool training : {false, true}) {
    add("batch_norm", "",
        {uniform({3, 3, 6}), uniform({3}), uniform({3}), uniform({3}), uniform({3}), training, 0.1, 1e-5, false});
  }
  add_complex_cases(all);
  add_layer_cases(all);
  return all;
}

}  // namespace sotto::optim

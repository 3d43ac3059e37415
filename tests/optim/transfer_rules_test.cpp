// Every transfer rule against numbers. An operator is called with random arguments in which records sit at every
// position that fits; where its rule states a position of the output,
//   - replacing the values of one record must leave the rows of all others as they were, and
//   - exchanging two records must exchange their rows (a record's result must not depend on its place).
// Where the rule refuses nothing is checked but that it does not refuse everything.

#include <ATen/CPUGeneratorImpl.h>
#include <ATen/Parallel.h>
#include <ATen/TensorOperators.h>
#include <ATen/core/dispatch/Dispatcher.h>
#include <ATen/ops/equal.h>
#include <ATen/ops/rand.h>
#include <ATen/ops/randint.h>
#include <ATen/ops/randn.h>
#include <ATen/ops/tensor.h>
#include <gtest/gtest.h>
#include <sotto/optim/transfer_rules.h>
#include <sotto/privacy/error.h>

#include <map>
#include <set>

namespace sotto::optim {
namespace {

using at::Tensor;
using c10::IValue;
using Arguments = std::vector<IValue>;
using Placement = std::vector<std::optional<BatchPosition>>;  // by tensor, in the order of the arguments

constexpr int64_t kBatch = 3;

struct Case {
  std::string name;
  std::string overload;
  Arguments arguments;  // defaults of the schema follow
  bool random = false;  // draws from the generator: exchanging records does not exchange what is drawn
};

std::vector<Tensor> tensors_of(const Arguments& arguments) {
  std::vector<Tensor> result;
  for (const IValue& argument : arguments) {
    for_each_tensor(argument, [&](const Tensor& tensor) { result.push_back(tensor); });
  }
  return result;
}

// The same arguments with other tensors.
Arguments with_tensors(const Arguments& arguments, const std::vector<Tensor>& tensors) {
  size_t next = 0;
  Arguments result;
  for (const IValue& argument : arguments) {
    if (argument.isTensor() && argument.toTensor().defined()) {
      result.emplace_back(tensors[next++]);
    } else if (argument.isTensorList()) {
      std::vector<Tensor> list;
      for (size_t t = 0; t < argument.toTensorVector().size(); ++t) list.push_back(tensors[next++]);
      result.emplace_back(list);
    } else {
      result.push_back(argument);
    }
  }
  return result;
}

std::vector<Tensor> run(const Case& of, const Arguments& arguments) {
  const auto handle = c10::Dispatcher::singleton().findSchemaOrThrow(("aten::" + of.name).c_str(), of.overload.c_str());
  torch::jit::Stack stack(arguments);
  const auto& declared = handle.schema().arguments();
  for (size_t a = stack.size(); a < declared.size(); ++a) {
    stack.push_back(declared[a].default_value().value_or(IValue{}));
  }
  at::Generator generator = at::globalContext().defaultGenerator(at::kCPU);
  generator.set_current_seed(11);
  handle.callBoxed(&stack);
  std::vector<Tensor> outputs;
  for (const IValue& value : stack) {
    for_each_tensor(value, [&](const Tensor& tensor) { outputs.push_back(tensor.clone()); });
  }
  return outputs;
}

OperatorCall call_of(const Case& of, const Arguments& arguments, const std::vector<Tensor>& outputs,
                     const Placement& placement) {
  OperatorCall call;
  call.name = "aten::" + of.name;
  call.batch = kBatch;
  call.arguments = arguments;
  const auto handle = c10::Dispatcher::singleton().findSchemaOrThrow(call.name.c_str(), of.overload.c_str());
  const auto& declared = handle.schema().arguments();
  for (size_t a = arguments.size(); a < declared.size(); ++a) {
    call.arguments.push_back(declared[a].default_value().value_or(IValue{}));
  }
  call.outputs = outputs;
  call.position_of = [tensors = tensors_of(arguments),
                      placement](const Tensor& tensor) -> std::optional<BatchPosition> {
    for (size_t t = 0; t < tensors.size(); ++t) {
      if (tensors[t].is_same(tensor)) return placement[t];
    }
    return std::nullopt;
  };
  return call;
}

bool same(const Tensor& a, const Tensor& b) {
  return a.sizes() == b.sizes() && (!a.is_floating_point() ? at::equal(a, b) : a.allclose(b, 1e-12, 1e-12, true));
}

// Values of the same kind and range.
Tensor replacement(const Tensor& like, const Tensor& range) {
  if (like.scalar_type() == at::kBool) return like.logical_not();
  if (like.is_floating_point()) return at::rand(like.sizes(), like.options()).mul(0.8).add(0.1);
  return at::randint(0, range.max().item<int64_t>() + 1, like.sizes(), like.options());
}

// Checks one placement; false when the rule refuses it.
bool check(const Case& of, const Placement& placement) {
  const TransferRule rule = find_transfer_rule("aten::" + of.name);
  const std::vector<Tensor> tensors = tensors_of(of.arguments);
  const std::vector<Tensor> outputs = run(of, of.arguments);
  OutputPositions positions;
  try {
    positions = rule(call_of(of, of.arguments, outputs, placement));
  } catch (const Refusal&) {
    return false;
  }
  EXPECT_EQ(positions.size(), outputs.size());

  for (int64_t changed = 0; changed < kBatch; ++changed) {
    std::vector<Tensor> other;
    for (size_t t = 0; t < tensors.size(); ++t) {
      other.push_back(tensors[t].clone());
      if (!placement[t]) continue;
      Tensor row = batch_first(other[t], *placement[t], kBatch)[changed];
      row.copy_(replacement(row, tensors[t]));
    }
    const std::vector<Tensor> now = run(of, with_tensors(of.arguments, other));
    for (size_t o = 0; o < outputs.size(); ++o) {
      if (!positions[o]) {
        EXPECT_TRUE(same(outputs[o], now[o])) << "output " << o << " changes with record " << changed;
        continue;
      }
      for (int64_t i = 0; i < kBatch; ++i) {
        if (i == changed) continue;
        EXPECT_TRUE(
            same(batch_first(outputs[o], *positions[o], kBatch)[i], batch_first(now[o], *positions[o], kBatch)[i]))
            << "row " << i << " of output " << o << " changes with record " << changed;
      }
    }
  }
  if (of.random) return true;
  std::vector<Tensor> exchanged;
  const Tensor order = at::tensor({2, 1, 0}, at::kLong);
  const auto reorder = [&](const Tensor& tensor, BatchPosition position) {
    Tensor result = tensor.clone();
    batch_first(result, position, kBatch).copy_(batch_first(tensor, position, kBatch).index_select(0, order));
    return result;
  };
  for (size_t t = 0; t < tensors.size(); ++t) {
    exchanged.push_back(placement[t] ? reorder(tensors[t], *placement[t]) : tensors[t]);
  }
  const std::vector<Tensor> now = run(of, with_tensors(of.arguments, exchanged));
  for (size_t o = 0; o < outputs.size(); ++o) {
    if (positions[o]) {
      EXPECT_TRUE(same(reorder(outputs[o], *positions[o]), now[o])) << "output " << o << " depends on places";
    }
  }
  return true;
}

// All placements of records in the tensors of a case, nowhere included.
void each_placement(const std::vector<Tensor>& tensors, Placement& placement,
                    const std::function<void(const Placement&)>& visit) {
  if (placement.size() == tensors.size()) {
    visit(placement);
    return;
  }
  const Tensor& tensor = tensors[placement.size()];
  placement.push_back(std::nullopt);
  each_placement(tensors, placement, visit);
  for (int64_t dim = 0; dim < tensor.dim(); ++dim) {
    for (int64_t inner = 1; inner * kBatch <= tensor.size(dim); ++inner) {
      if (tensor.size(dim) % (inner * kBatch) != 0) continue;
      placement.back() = BatchPosition{dim, tensor.size(dim) / (inner * kBatch), inner};
      each_placement(tensors, placement, visit);
    }
  }
  placement.pop_back();
}

Tensor uniform(at::IntArrayRef sizes) {
  return at::rand(sizes, at::kDouble).mul(0.8).add(0.1);  // inside the domain of every elementwise operator but acosh
}
Tensor booleans(at::IntArrayRef sizes) {
  return at::rand(sizes).gt(0.5);
}
Tensor integers(at::IntArrayRef sizes, int64_t below) {
  return at::randint(0, below, sizes, at::kLong);
}

using Ints = std::vector<int64_t>;

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
      {uniform({6, 3, 4, 4}), uniform({3, 1, 3, 3}), IValue{}, Ints{2, 1}, Ints{1, 1}, Ints{1, 1}, false, Ints{0, 0},
       3});
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
      add("var", "correction", {uniform({3, 6, 3}), Ints{dim}, IValue{}, keep});
      add("std", "correction", {uniform({3, 6, 3}), Ints{dim}, IValue{}, keep});
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
  add("native_layer_norm", "", {uniform({3, 6, 3}), Ints{6, 3}, uniform({6, 3}), IValue{}, 1e-5});
  add("native_group_norm", "", {uniform({3, 6, 2}), uniform({6}), uniform({6}), 3, 6, 2, 3, 1e-5});
  add("native_group_norm", "", {uniform({6, 3}), uniform({3}), uniform({3}), 6, 3, 1, 1, 1e-5});
  for (bool training : {false, true}) {
    add("batch_norm", "",
        {uniform({3, 3, 6}), uniform({3}), uniform({3}), uniform({3}), uniform({3}), training, 0.1, 1e-5, false});
  }
  return all;
}

int failures() {
  return ::testing::UnitTest::GetInstance()->current_test_info()->result()->total_part_count();
}

TEST(TransferRules, StateOnlyWhatNumbersConfirm) {
  at::set_num_threads(1);
  std::map<std::string, int> accepted;
  for (const Case& of : cases()) {
    SCOPED_TRACE(of.name + (of.overload.empty() ? "" : "." + of.overload));
    ASSERT_NE(find_transfer_rule("aten::" + of.name), nullptr);
    accepted.try_emplace(of.name, 0);
    const int before = failures();
    Placement placement;
    each_placement(tensors_of(of.arguments), placement, [&](const Placement& at) {
      const bool anywhere =
          std::any_of(at.begin(), at.end(), [](const auto& position) { return position.has_value(); });
      if (!anywhere || failures() > before) return;  // one failure per case is enough
      std::string text;
      for (const auto& p : at) {
        text +=
            p ? " {" + std::to_string(p->dim) + "," + std::to_string(p->outer) + "," + std::to_string(p->inner) + "}"
              : " -";
      }
      SCOPED_TRACE("records at" + text);
      try {
        if (check(of, at)) ++accepted[of.name];
      } catch (const std::exception& error) {
        ADD_FAILURE() << error.what();
      }
    });
  }
  for (const auto& [name, count] : accepted) EXPECT_GT(count, 0) << name << " is always refused";
}

// Rules that no case above can check: outputs without defined values, and a comparison that yields no tensor.
TEST(TransferRules, AreAllChecked) {
  std::set<std::string> unchecked;
  for (const std::string_view name : transfer_rule_names()) unchecked.emplace(name);
  for (const Case& of : cases()) unchecked.erase("aten::" + of.name);
  EXPECT_EQ(unchecked, (std::set<std::string>{"aten::empty_like", "aten::equal", "aten::new_empty"}));
}

TEST(TransferRules, NameOperatorsThatExist) {
  std::set<std::string> names;
  for (const c10::OperatorName& name : c10::Dispatcher::singleton().getAllOpNames()) names.insert(name.name);
  for (const std::string_view rule : transfer_rule_names()) {
    // In-place variants come under the name without the underscore.
    EXPECT_TRUE(names.contains(std::string(rule)) || names.contains(std::string(rule) + "_")) << rule;
  }
}

TEST(TransferRules, AbsentRuleIsNoRule) {
  for (const char* name : {"aten::sort", "aten::roll", "aten::flip", "aten::index", "aten::item", "aten::topk",
                           "aten::_local_scalar_dense", "aten::nonzero", "aten::masked_select", "aten::unique"}) {
    EXPECT_EQ(find_transfer_rule(name), nullptr) << name;
  }
}

TEST(SameForEveryRecord, ComparesValuesAcrossTheBatch) {
  const Tensor row = at::randn({1, 4});
  EXPECT_TRUE(same_for_every_record(row, {0, 1, 1}, kBatch));
  EXPECT_TRUE(same_for_every_record(row.expand({3, 4}), {0, 1, 1}, kBatch));
  Tensor copy = row.expand({3, 4}).contiguous();
  EXPECT_TRUE(same_for_every_record(copy, {0, 1, 1}, kBatch));
  copy[2][1] += 1;
  EXPECT_FALSE(same_for_every_record(copy, {0, 1, 1}, kBatch));
}

}  // namespace
}  // namespace sotto::optim

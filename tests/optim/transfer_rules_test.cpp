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

#include "transfer_cases.h"

namespace sotto::optim {
namespace {

using at::Tensor;
using c10::IValue;
using Arguments = std::vector<IValue>;
using Placement = std::vector<std::optional<BatchPosition>>;  // by tensor, in the order of the arguments

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
    } else if (argument.isOptionalTensorList()) {
      c10::List<std::optional<Tensor>> list;
      for (const auto& entry : argument.toOptionalTensorVector()) {
        list.push_back(entry ? std::optional(tensors[next++]) : std::nullopt);
      }
      result.emplace_back(list);
    } else {
      result.push_back(argument);
    }
  }
  return result;
}

std::string qualified(const std::string& name) {
  return name.find("::") == std::string::npos ? "aten::" + name : name;
}

std::vector<Tensor> run(const Case& of, const Arguments& arguments) {
  const auto handle = c10::Dispatcher::singleton().findSchemaOrThrow(qualified(of.name).c_str(), of.overload.c_str());
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
  call.name = qualified(of.name);
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
  const bool exact = !a.is_floating_point() && !a.is_complex();
  return a.sizes() == b.sizes() && (exact ? at::equal(a, b) : a.allclose(b, 1e-12, 1e-12, true));
}

// Values of the same kind and range.
Tensor replacement(const Tensor& like, const Tensor& range) {
  if (like.scalar_type() == at::kBool) return like.logical_not();
  if (like.is_floating_point() || like.is_complex()) return at::rand(like.sizes(), like.options()).mul(0.8).add(0.1);
  return at::randint(0, range.max().item<int64_t>() + 1, like.sizes(), like.options());
}

// Checks one placement; false when the rule refuses it.
bool check(const Case& of, const Placement& placement) {
  const TransferRule rule = find_transfer_rule(qualified(of.name));
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

int failures() {
  return ::testing::UnitTest::GetInstance()->current_test_info()->result()->total_part_count();
}

TEST(TransferRules, StateOnlyWhatNumbersConfirm) {
  at::set_num_threads(1);
  std::map<std::string, int> accepted;
  for (const Case& of : cases()) {
    SCOPED_TRACE(of.name + (of.overload.empty() ? "" : "." + of.overload));
    ASSERT_NE(find_transfer_rule(qualified(of.name)), nullptr);
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

// Rules that no case above can check: outputs without defined values, a comparison that yields no tensor, and an
// operator that is always refused.
TEST(TransferRules, AreAllChecked) {
  std::set<std::string> unchecked;
  for (const std::string_view name : transfer_rule_names()) unchecked.emplace(name);
  for (const Case& of : cases()) unchecked.erase(qualified(of.name));
  EXPECT_EQ(unchecked, (std::set<std::string>{"aten::_pack_padded_sequence", "aten::empty_like", "aten::equal",
                                              "aten::new_empty"}));
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
  for (const char* name :
       {"aten::item", "aten::_local_scalar_dense", "aten::nonzero", "aten::masked_select", "aten::unique"}) {
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

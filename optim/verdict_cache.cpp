#include <sotto/optim/verdict_cache.h>

namespace sotto::optim {
namespace {

bool holds_tensors(const c10::IValue& value) {
  return value.isTensor() || value.isTensorList() || value.isOptionalTensorList();
}

// Which entries of a tensor or a list of tensors are there: x[:, i] and x[i] differ in nothing else.
std::vector<bool> defined_in(const c10::IValue& value) {
  if (value.isTensor()) return {value.toTensor().defined()};
  if (value.isTensorList()) return std::vector<bool>(value.toTensorVector().size(), true);
  std::vector<bool> defined;
  for (const c10::IValue& item : value.toListRef()) defined.push_back(item.isTensor() && item.toTensor().defined());
  return defined;
}

int64_t origin_of(const at::Tensor& tensor, const TrackedTensors& tensors) {
  const Tracked* tracked = tensors.find(tensor);
  return tracked ? tracked->origin : -1;
}

// Numbers, flags, texts and lists of these; anything else is not compared.
bool same_value(const c10::IValue& a, const c10::IValue& b) {
  if (a.tagKind() != b.tagKind()) return false;
  if (a.isNone()) return true;
  if (a.isInt()) return a.toInt() == b.toInt();
  if (a.isBool()) return a.toBool() == b.toBool();
  if (a.isDouble()) return a.toDouble() == b.toDouble();
  if (a.isIntList()) return a.toIntVector() == b.toIntVector();
  if (a.isDoubleList()) return a.toDoubleVector() == b.toDoubleVector();
  if (a.isString()) return a.toStringRef() == b.toStringRef();
  if (a.isDevice()) return a.toDevice() == b.toDevice();
  return false;
}

}  // namespace

void VerdictCache::rewind() {
  next_ = 0;
}

bool VerdictCache::same(const Entry& entry, const OperatorCall& call, TransferRule rule,
                        const TrackedTensors& tensors) {
  if (entry.rule != rule || entry.in_place != call.in_place || entry.batch != call.batch || entry.name != call.name ||
      entry.overload != call.overload || entry.arguments.size() != call.arguments.size()) {
    return false;
  }
  size_t next = 0;
  bool equal = true;
  const auto compare = [&](const at::Tensor& tensor, bool argument) {
    if (!equal || next >= entry.tensors.size()) {
      equal = false;
      return;
    }
    const TensorKey& key = entry.tensors[next++];
    equal = key.dtype == tensor.scalar_type() && key.requires_grad == tensor.requires_grad() &&
            tensor.sizes() == key.sizes && tensor.strides() == key.strides &&
            (!argument || (key.origin == origin_of(tensor, tensors) && key.position == call.position_of(tensor)));
  };
  for (size_t a = 0; a < call.arguments.size() && equal; ++a) {
    const c10::IValue& argument = call.arguments[a];
    if (!holds_tensors(argument)) {
      equal = !entry.tensors_in[a] && same_value(entry.arguments[a], argument);
      continue;
    }
    equal = entry.tensors_in[a] == defined_in(argument);
    for_each_tensor(argument, [&](const at::Tensor& tensor) { compare(tensor, true); });
  }
  for (const at::Tensor& output : call.outputs) compare(output, false);
  return equal && next == entry.tensors.size();
}

const OutputPositions* VerdictCache::find(const OperatorCall& call, TransferRule rule, const TrackedTensors& tensors) {
  ++asked_;
  if (next_ >= entries_.size()) return nullptr;
  if (!same(entries_[next_], call, rule, tensors)) {
    entries_.resize(next_);  // everything behind it may depend on the difference
    return nullptr;
  }
  if (!entries_[next_].lasting) return nullptr;
  ++found_;
  return &entries_[next_++].positions;
}

void VerdictCache::keep(const OperatorCall& call, TransferRule rule, const TrackedTensors& tensors,
                        const OutputPositions& positions, bool lasting) {
  if (next_ < entries_.size()) {  // found, but not lasting
    entries_[next_++].positions = positions;
    return;
  }
  Entry entry{rule, call.name, call.overload, call.in_place, call.batch, {}, {}, {}, positions, lasting};
  const auto add = [&](const at::Tensor& tensor) {
    entry.tensors.push_back({tensor.sizes().vec(), tensor.strides().vec(), tensor.scalar_type(),
                             origin_of(tensor, tensors), call.position_of(tensor), tensor.requires_grad()});
  };
  for (const c10::IValue& argument : call.arguments) {
    const bool holds = holds_tensors(argument);
    if (holds) for_each_tensor(argument, add);
    entry.arguments.push_back(holds ? c10::IValue{} : argument);
    entry.tensors_in.push_back(holds ? std::optional(defined_in(argument)) : std::nullopt);
  }
  for (const at::Tensor& output : call.outputs) add(output);
  entries_.push_back(std::move(entry));
  ++next_;
}

}  // namespace sotto::optim

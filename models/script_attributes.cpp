#include <fmt/format.h>
#include <sotto/models/script_attributes.h>

#include <bit>
#include <cstdint>
#include <functional>
#include <unordered_set>

namespace sotto::models {
namespace {

// Visits a value and everything in it that is no container, with its path.
class Walk {
 public:
  explicit Walk(std::function<void(const std::string& path, const c10::IValue& value)> visit)
      : visit_(std::move(visit)) {}

  void value(const std::string& path, const c10::IValue& value) {
    if (value.isObject()) {
      object(path, value.toObjectRef());
    } else if (value.isList()) {
      size(path, value.toListRef().size());
      for (size_t i = 0; i < value.toListRef().size(); ++i)
        this->value(fmt::format("{}.{}", path, i), value.toListRef()[i]);
    } else if (value.isTuple()) {
      const auto& elements = value.toTupleRef().elements();
      size(path, elements.size());
      for (size_t i = 0; i < elements.size(); ++i) this->value(fmt::format("{}.{}", path, i), elements[i]);
    } else if (value.isGenericDict()) {
      size(path, value.toGenericDict().size());
      size_t i = 0;
      for (const auto& entry : value.toGenericDict()) {
        this->value(fmt::format("{}.{}.key", path, i), entry.key());
        this->value(fmt::format("{}.{}", path, i++), entry.value());
      }
    } else {
      visit_(path, value);
    }
  }

 private:
  void object(const std::string& path, const c10::ivalue::Object& object) {
    if (!seen_.insert(&object).second) return;  // a module that is used twice, or that holds itself
    const auto& type = *object.type();
    for (size_t slot = 0; slot < type.numAttributes(); ++slot) {
      const std::string name = type.getAttributeName(slot);
      value(path.empty() ? name : path + "." + name, object.getSlot(slot));
    }
  }
  void size(const std::string& path, size_t size) { visit_(path, c10::IValue(static_cast<int64_t>(size))); }

  std::function<void(const std::string&, const c10::IValue&)> visit_;
  std::unordered_set<const c10::ivalue::Object*> seen_;
};

std::string text_of(const c10::IValue& value) {
  if (value.isTensor()) return fmt::format("t{}", fmt::ptr(value.toTensor().unsafeGetTensorImpl()));
  if (value.isDouble()) return fmt::format("d{:x}", std::bit_cast<uint64_t>(value.toDouble()));
  if (value.isInt()) return fmt::format("i{}", value.toInt());
  if (value.isBool()) return value.toBool() ? "b1" : "b0";
  if (value.isString()) return fmt::format("s{}:{}", value.toStringRef().size(), value.toStringRef());
  if (value.isNone()) return "n";
  if (value.isComplexDouble()) {
    const auto number = value.toComplexDouble();
    return fmt::format("c{:x},{:x}", std::bit_cast<uint64_t>(number.real()), std::bit_cast<uint64_t>(number.imag()));
  }
  if (value.isDevice()) return fmt::format("v{}", value.toDevice().str());
  // Generators, enumerations, objects of custom classes: which one it is, not what is in it.
  return fmt::format("o{}",
                     value.isPtrType() ? fmt::ptr(value.internalToPointer()) : fmt::ptr(static_cast<void*>(nullptr)));
}

}  // namespace

std::vector<NamedTensor> attribute_tensors(const torch::jit::Module& module) {
  std::vector<NamedTensor> result;
  Walk([&](const std::string& path, const c10::IValue& value) {
    if (value.isTensor() && value.toTensor().defined()) result.push_back({path, value.toTensor()});
  }).value("", c10::IValue(module._ivalue()));
  return result;
}

std::string state_of(const std::vector<c10::IValue>& values) {
  std::string result;
  Walk walk([&](const std::string&, const c10::IValue& value) {
    result += text_of(value);
    result += '\n';
  });
  for (const c10::IValue& value : values) walk.value("", value);
  return result;
}

}  // namespace sotto::models

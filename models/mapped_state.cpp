#include <ATen/ops/empty.h>
#include <ATen/ops/from_blob.h>
#include <sotto/models/mapped_state.h>
#include <sotto/privacy/error.h>

#include <cstdint>
#include <cstring>

namespace sotto::models {

at::ScalarType scalar_type(Dtype dtype) {
  switch (dtype) {
    case Dtype::f64:
      return at::kDouble;
    case Dtype::f32:
      return at::kFloat;
    case Dtype::f16:
      return at::kHalf;
    case Dtype::bf16:
      return at::kBFloat16;
    case Dtype::i64:
      return at::kLong;
    case Dtype::i32:
      return at::kInt;
    case Dtype::u8:
      return at::kByte;
  }
  throw InternalError("[scalar_type] a value outside of the enumeration Dtype");
}

at::Tensor tensor_over(const TensorView& stored, const std::shared_ptr<std::byte>& memory) {
  const auto options = at::TensorOptions().dtype(scalar_type(stored.dtype));
  if (stored.bytes.empty()) return at::empty(stored.shape, options);
  if (reinterpret_cast<std::uintptr_t>(stored.bytes.data()) % element_bytes(stored.dtype) != 0) {
    at::Tensor copy = at::empty(stored.shape, options);
    std::memcpy(copy.mutable_data_ptr(), stored.bytes.data(), stored.bytes.size());
    return copy;
  }
  void* const values = memory.get() + (stored.bytes.data() - memory.get());
  return at::from_blob(
      values, stored.shape, [memory](void*) {}, options);
}

MappedState map_state(const std::filesystem::path& path) {
  const SafetensorsFile file = SafetensorsFile::map(path);
  MappedState result{{}, file.metadata()};
  for (const TensorView& stored : file.tensors())
    result.tensors.push_back({stored.name, tensor_over(stored, file.memory())});
  return result;
}

}  // namespace sotto::models

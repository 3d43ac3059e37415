#include <ATen/core/grad_mode.h>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <sotto/models/mapped_state.h>
#include <sotto/models/state.h>
#include <sotto/privacy/error.h>

#include <algorithm>
#include <array>
#include <set>

namespace sotto::models {
namespace {

constexpr std::size_t kMostListed = 5;

Dtype file_type(const NamedTensor& named) {
  for (const Dtype dtype : {Dtype::f64, Dtype::f32, Dtype::f16, Dtype::bf16, Dtype::i64, Dtype::i32, Dtype::u8})
    if (scalar_type(dtype) == named.tensor.scalar_type()) return dtype;
  throw UsageError(fmt::format("[save_state] tensor '{}': element type {} cannot be stored", named.name,
                               c10::toString(named.tensor.scalar_type())));
}

void check_dense(const NamedTensor& named, const char* function) {
  if (!named.tensor.defined() || named.tensor.layout() != at::kStrided)
    throw UsageError(fmt::format("[{}] tensor '{}' is undefined or not dense", function, named.name));
}

std::string describe(const at::IntArrayRef& shape) {
  return fmt::format("[{}]", fmt::join(shape, ", "));
}

void refuse_any(const char* function, const std::filesystem::path& path, std::vector<std::string> wrong,
                const char* rule) {
  if (wrong.empty()) return;
  const std::size_t total = wrong.size();
  if (total > kMostListed) {
    wrong.resize(kMostListed);
    wrong.push_back(fmt::format("and {} more", total - kMostListed));
  }
  throw DataError(
      fmt::format("[{}] {} does not fit the model: {}; {}", function, path.string(), fmt::join(wrong, "; "), rule));
}

std::string other_shape(const TensorView& stored, const at::Tensor& tensor) {
  return fmt::format("'{}' has shape {} where the model has {}", stored.name, describe(stored.shape),
                     describe(tensor.sizes()));
}

std::string other_type(const TensorView& stored, const at::Tensor& tensor) {
  return fmt::format("'{}' is of type {} where the model has {}", stored.name, dtype_name(stored.dtype),
                     c10::toString(tensor.scalar_type()));
}

// What keeps the file from being loaded into these tensors; empty when nothing does.
std::vector<std::string> mismatches(const SafetensorsFile& file, const std::vector<NamedTensor>& tensors) {
  std::vector<std::string> result;
  std::set<std::string> names;
  for (const NamedTensor& named : tensors) {
    names.insert(named.name);
    const TensorView* stored = file.find(named.name);
    if (stored == nullptr) {
      result.push_back(fmt::format("'{}' is missing", named.name));
    } else if (scalar_type(stored->dtype) != named.tensor.scalar_type()) {
      result.push_back(other_type(*stored, named.tensor));
    } else if (named.tensor.sizes() != at::IntArrayRef(stored->shape)) {
      result.push_back(other_shape(*stored, named.tensor));
    }
  }
  for (const TensorView& stored : file.tensors())
    if (!names.contains(stored.name)) result.push_back(fmt::format("'{}' is not in the model", stored.name));
  return result;
}

}  // namespace

bool can_save(const at::Tensor& tensor) {
  if (!tensor.defined() || tensor.layout() != at::kStrided) return false;
  const std::array types = {at::kDouble, at::kFloat, at::kHalf, at::kBFloat16, at::kLong, at::kInt, at::kByte};
  return std::ranges::find(types, tensor.scalar_type()) != types.end();
}

void save_state(const std::filesystem::path& path, const std::vector<NamedTensor>& tensors, const Metadata& metadata) {
  std::vector<at::Tensor> kept;  // contiguous copies on the CPU, where needed, live until the file is written
  std::vector<TensorView> views;
  for (const NamedTensor& named : tensors) {
    check_dense(named, "save_state");
    const Dtype dtype = file_type(named);
    kept.push_back(named.tensor.detach().to(at::kCPU).contiguous());
    const at::Tensor& values = kept.back();
    views.push_back({named.name,
                     dtype,
                     values.sizes().vec(),
                     {static_cast<const std::byte*>(values.const_data_ptr()), values.nbytes()}});
  }
  write_safetensors(path, views, metadata);
}

Metadata load_state(const std::filesystem::path& path, const std::vector<NamedTensor>& tensors) {
  for (const NamedTensor& named : tensors) check_dense(named, "load_state");
  const SafetensorsFile file = SafetensorsFile::read(path);
  refuse_any("load_state", path, mismatches(file, tensors), "names, types and shapes must be the same");
  const at::NoGradGuard no_grad;
  for (const NamedTensor& named : tensors) named.tensor.copy_(tensor_over(*file.find(named.name), file.memory()));
  return file.metadata();
}

std::vector<std::string> load_published(const std::filesystem::path& path, const std::vector<NamedTensor>& tensors,
                                        const PublishedNames& names) {
  for (const NamedTensor& named : tensors) check_dense(named, "load_published");
  const SafetensorsFile file = SafetensorsFile::read(path);
  std::vector<const TensorView*> sources;
  std::vector<std::string> wrong;
  std::set<std::string> used;
  for (const NamedTensor& named : tensors) {
    const TensorView* stored = file.find(named.name);
    if (stored == nullptr) stored = file.find(names.prefix + named.name);
    sources.push_back(stored);
    if (stored == nullptr) {
      wrong.push_back(fmt::format("'{}' is missing", named.name));
      continue;
    }
    used.insert(stored->name);
    if (named.tensor.sizes() != at::IntArrayRef(stored->shape)) wrong.push_back(other_shape(*stored, named.tensor));
    if (at::isFloatingType(scalar_type(stored->dtype)) != named.tensor.is_floating_point())
      wrong.push_back(other_type(*stored, named.tensor));
  }
  std::vector<std::string> left_over;
  for (const TensorView& stored : file.tensors()) {
    if (used.contains(stored.name)) continue;
    const bool known = std::ranges::any_of(names.left_over, [&](const std::string& part) {
      return stored.name.starts_with(part) || stored.name.starts_with(names.prefix + part);
    });
    if (known)
      left_over.push_back(stored.name);
    else
      wrong.push_back(fmt::format("'{}' is not in the model", stored.name));
  }
  refuse_any("load_published", path, std::move(wrong), "all of the model must be there, in its shapes");
  const at::NoGradGuard no_grad;
  for (size_t t = 0; t < tensors.size(); ++t) tensors[t].tensor.copy_(tensor_over(*sources[t], file.memory()));
  return left_over;
}

}  // namespace sotto::models

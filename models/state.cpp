#include <ATen/core/grad_mode.h>
#include <ATen/ops/isfinite.h>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <sotto/models/mapped_state.h>
#include <sotto/models/state.h>
#include <sotto/privacy/error.h>

#include <algorithm>
#include <array>
#include <map>
#include <set>
#include <string_view>

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

// As files name it, where they have a name for it.
std::string type_of(const at::Tensor& tensor) {
  return can_save(tensor) ? std::string(dtype_name(file_type({"", tensor}))) : c10::toString(tensor.scalar_type());
}

std::string describe(const at::IntArrayRef& shape) {
  return fmt::format("[{}]", fmt::join(shape, ", "));
}

void refuse_any(const char* function, const std::string& source, std::vector<std::string> wrong, const char* rule) {
  if (wrong.empty()) return;
  const std::size_t total = wrong.size();
  if (total > kMostListed) {
    wrong.resize(kMostListed);
    wrong.push_back(fmt::format("and {} more", total - kMostListed));
  }
  throw DataError(
      fmt::format("[{}] {} does not fit the model: {}; {}", function, source, fmt::join(wrong, "; "), rule));
}

std::string other_shape(const NamedTensor& stored, const at::Tensor& tensor) {
  return fmt::format("'{}' has shape {} where the model has {}", stored.name, describe(stored.tensor.sizes()),
                     describe(tensor.sizes()));
}

std::string other_type(const NamedTensor& stored, const at::Tensor& tensor) {
  return fmt::format("'{}' is of type {} where the model has {}", stored.name, type_of(stored.tensor),
                     c10::toString(tensor.scalar_type()));
}

// Refers to tensors that live longer.
class ByName {
 public:
  explicit ByName(const std::vector<NamedTensor>& tensors) {
    for (const NamedTensor& named : tensors) places_.emplace(named.name, &named);
  }
  const NamedTensor* find(std::string_view name) const {
    const auto found = places_.find(name);
    return found == places_.end() ? nullptr : found->second;
  }

 private:
  std::map<std::string_view, const NamedTensor*> places_;
};

// What keeps the file from being loaded into these tensors; empty when nothing does.
std::vector<std::string> mismatches(const std::vector<NamedTensor>& file, const std::vector<NamedTensor>& tensors) {
  const ByName in_file(file), in_model(tensors);
  std::vector<std::string> result;
  for (const NamedTensor& named : tensors) {
    const NamedTensor* stored = in_file.find(named.name);
    if (stored == nullptr) {
      result.push_back(fmt::format("'{}' is missing", named.name));
    } else if (stored->tensor.scalar_type() != named.tensor.scalar_type()) {
      result.push_back(other_type(*stored, named.tensor));
    } else if (named.tensor.sizes() != stored->tensor.sizes()) {
      result.push_back(other_shape(*stored, named.tensor));
    }
  }
  for (const NamedTensor& stored : file)
    if (in_model.find(stored.name) == nullptr) result.push_back(fmt::format("'{}' is not in the model", stored.name));
  return result;
}

}  // namespace

bool can_save(const at::Tensor& tensor) {
  if (!tensor.defined() || tensor.layout() != at::kStrided) return false;
  const std::array types = {at::kDouble, at::kFloat, at::kHalf, at::kBFloat16, at::kLong, at::kInt, at::kByte};
  return std::ranges::find(types, tensor.scalar_type()) != types.end();
}

void save_state(const std::filesystem::path& path, const std::vector<NamedTensor>& tensors, const Metadata& metadata,
                const privacy::BeforeRename& before_rename) {
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
  write_safetensors(path, views, metadata, before_rename);
}

std::vector<NamedTensor> tensors_of(const SafetensorsFile& file) {
  std::vector<NamedTensor> result;
  for (const TensorView& stored : file.tensors()) result.push_back({stored.name, tensor_over(stored, file.memory())});
  return result;
}

std::vector<NamedTensor> read_state(const std::filesystem::path& path) {
  return tensors_of(SafetensorsFile::read(path));
}

Metadata load_state(const std::filesystem::path& path, const std::vector<NamedTensor>& tensors) {
  for (const NamedTensor& named : tensors) check_dense(named, "load_state");
  const SafetensorsFile file = SafetensorsFile::read(path);
  const std::vector<NamedTensor> stored = tensors_of(file);
  refuse_any("load_state", path.string(), mismatches(stored, tensors), "names, types and shapes must be the same");
  const at::NoGradGuard no_grad;
  const ByName in_file(stored);
  for (const NamedTensor& named : tensors) named.tensor.copy_(in_file.find(named.name)->tensor);
  return file.metadata();
}

std::vector<std::string> load_published(const std::filesystem::path& path, const std::vector<NamedTensor>& tensors,
                                        const PublishedNames& names) {
  return load_published(path.string(), read_state(path), tensors, names);
}

std::vector<std::string> load_published(const std::string& source, const std::vector<NamedTensor>& stored,
                                        const std::vector<NamedTensor>& tensors, const PublishedNames& names) {
  for (const NamedTensor& named : tensors) check_dense(named, "load_published");
  const ByName in_file(stored);
  std::vector<const NamedTensor*> sources;
  std::vector<std::string> wrong;
  std::set<std::string> used;
  for (const NamedTensor& named : tensors) {
    const NamedTensor* found = in_file.find(named.name);
    if (found == nullptr) found = in_file.find(names.prefix + named.name);
    sources.push_back(found);
    if (found == nullptr) {
      wrong.push_back(fmt::format("'{}' is missing", named.name));
      continue;
    }
    used.insert(found->name);
    if (!found->tensor.defined() || found->tensor.layout() != at::kStrided) {
      wrong.push_back(fmt::format("'{}' is not dense", found->name));
      continue;
    }
    if (named.tensor.sizes() != found->tensor.sizes()) wrong.push_back(other_shape(*found, named.tensor));
    if (found->tensor.is_floating_point() != named.tensor.is_floating_point())
      wrong.push_back(other_type(*found, named.tensor));
  }
  std::vector<std::string> left_over;
  for (const NamedTensor& other : stored) {
    if (used.contains(other.name)) continue;
    const bool known = std::ranges::any_of(names.left_over, [&](const std::string& part) {
      return other.name.starts_with(part) || other.name.starts_with(names.prefix + part);
    });
    if (known)
      left_over.push_back(other.name);
    else
      wrong.push_back(fmt::format("'{}' is not in the model", other.name));
  }
  for (const NamedTensor* found : sources)
    if (found != nullptr && found->tensor.is_floating_point() && !at::isfinite(found->tensor).all().item<bool>())
      wrong.push_back(fmt::format("'{}' holds numbers that are not finite", found->name));
  refuse_any("load_published", source, std::move(wrong), "all of the model must be there, finite and in its shapes");
  std::ranges::sort(left_over);
  const at::NoGradGuard no_grad;
  for (size_t t = 0; t < tensors.size(); ++t) tensors[t].tensor.copy_(sources[t]->tensor);
  return left_over;
}

}  // namespace sotto::models

#include <ATen/TensorOperators.h>
#include <ATen/ops/sum.h>
#include <sotto/optim/element_map.h>
#include <sotto/privacy/error.h>

#include <algorithm>
#include <set>
#include <string_view>

namespace sotto::optim {
namespace {

using Digit = ElementMap::Digit;

// Takes digits that make up `size` from the back of `digits`, splitting one where that is possible.
std::optional<std::vector<Digit>> take(std::vector<Digit>& digits, int64_t size) {
  std::vector<Digit> taken;
  while (size > 1) {
    if (digits.empty()) return std::nullopt;
    Digit& last = digits.back();
    if (last.size <= size) {
      if (size % last.size != 0) return std::nullopt;
      size /= last.size;
      taken.insert(taken.begin(), last);
      digits.pop_back();
    } else {
      if (last.size % size != 0) return std::nullopt;
      taken.insert(taken.begin(), Digit{size, last.stride});
      last = {last.size / size, last.stride * size};
      size = 1;
    }
  }
  return taken;
}

// No two index tuples show the same element, digits of stride 0 aside.
bool injective(std::vector<Digit> digits) {
  std::erase_if(digits, [](const Digit& digit) { return digit.size == 1 || digit.stride == 0; });
  std::sort(digits.begin(), digits.end(), [](const Digit& a, const Digit& b) { return a.stride < b.stride; });
  int64_t reach = 0;
  for (const Digit& digit : digits) {
    if (digit.stride <= reach) return false;
    reach += (digit.size - 1) * digit.stride;
  }
  return true;
}

bool is_one_of(std::string_view name, const std::set<std::string_view>& names) {
  return names.contains(name);
}

}  // namespace

ElementMap::ElementMap(at::IntArrayRef sizes) : dims_(sizes.size()) {
  int64_t stride = 1;
  for (size_t d = sizes.size(); d-- > 0;) {
    if (sizes[d] != 1) dims_[d] = {{sizes[d], stride}};
    stride *= sizes[d];
  }
}

std::optional<ElementMap> ElementMap::of_view(const at::Tensor& view, const at::Tensor& source) {
  if (!view.is_alias_of(source) || !source.is_contiguous() || view.scalar_type() != source.scalar_type() ||
      view.is_neg() || view.is_conj()) {
    return std::nullopt;
  }
  ElementMap map;
  for (int64_t d = 0; d < view.dim(); ++d) {
    map.dims_.emplace_back();
    if (view.size(d) != 1) map.dims_.back() = {{view.size(d), view.stride(d)}};
  }
  map.offset_ = view.storage_offset() - source.storage_offset();
  std::vector<Digit> digits;
  for (const auto& dim : map.dims_) digits.insert(digits.end(), dim.begin(), dim.end());
  if (map.offset_ < 0 || !injective(digits)) return std::nullopt;
  return map;
}

std::optional<ElementMap> ElementMap::reshaped(at::IntArrayRef sizes) const {
  std::vector<Digit> digits;
  for (const auto& dim : dims_) digits.insert(digits.end(), dim.begin(), dim.end());
  ElementMap map;
  map.offset_ = offset_;
  map.dims_.resize(sizes.size());
  for (size_t d = sizes.size(); d-- > 0;) {
    auto taken = take(digits, sizes[d]);
    if (!taken) return std::nullopt;
    map.dims_[d] = std::move(*taken);
  }
  return digits.empty() ? std::optional(map) : std::nullopt;
}

std::optional<ElementMap> ElementMap::expanded(at::IntArrayRef sizes) const {
  ElementMap map;
  map.offset_ = offset_;
  const size_t added = sizes.size() - dims_.size();
  for (size_t d = 0; d < sizes.size(); ++d) {
    const bool kept = d >= added && !dims_[d - added].empty();
    if (kept) {
      map.dims_.push_back(dims_[d - added]);
    } else {
      map.dims_.emplace_back();
      if (sizes[d] != 1) map.dims_.back() = {{sizes[d], 0}};
    }
  }
  return map;
}

std::optional<ElementMap> ElementMap::after(const OperatorCall& call, const at::Tensor& output) const {
  static const std::set<std::string_view> copies = {"aten::clone",    "aten::contiguous", "aten::to",
                                                    "aten::_to_copy", "aten::type_as",    "aten::alias"};
  static const std::set<std::string_view> reshapes = {
      "aten::view",      "aten::reshape", "aten::_unsafe_view", "aten::flatten", "aten::unflatten",
      "aten::unsqueeze", "aten::squeeze", "aten::view_as",      "aten::ravel",   "aten::reshape_as"};
  static const std::set<std::string_view> expansions = {"aten::expand", "aten::expand_as", "aten::broadcast_to"};
  const auto rank = static_cast<int64_t>(dims_.size());
  const auto place = [&](int64_t dim) { return static_cast<size_t>(wrap_dim(dim, rank)); };
  if (output.numel() == 0) return std::nullopt;
  if (is_one_of(call.name, copies)) return *this;
  if (is_one_of(call.name, reshapes)) return reshaped(output.sizes());
  if (is_one_of(call.name, expansions)) return expanded(output.sizes());
  ElementMap map = *this;
  if (call.name == "aten::t" || call.name == "aten::mT" || call.name == "aten::transpose") {
    if (rank < 2) return map;
    const bool given = call.arguments.size() > 2;
    std::swap(map.dims_[given ? place(call.integer(1)) : place(-2)],
              map.dims_[given ? place(call.integer(2)) : place(-1)]);
    return map;
  }
  if (call.name == "aten::permute") {
    const std::vector<int64_t> order = call.integers(1);
    for (size_t d = 0; d < order.size(); ++d) map.dims_[d] = dims_[place(order[d])];
    return map;
  }
  if (call.name == "aten::repeat") {
    const std::vector<int64_t> repeats = call.integers(1);
    map.dims_.clear();
    const size_t added = repeats.size() - dims_.size();
    for (size_t d = 0; d < repeats.size(); ++d) {
      std::vector<Digit> digits;
      if (repeats[d] != 1) digits.push_back({repeats[d], 0});
      if (d >= added) digits.insert(digits.end(), dims_[d - added].begin(), dims_[d - added].end());
      map.dims_.push_back(std::move(digits));
    }
    return map;
  }
  return part(call, output);
}

std::optional<ElementMap> ElementMap::part(const OperatorCall& call, const at::Tensor& output) const {
  static const std::set<std::string_view> splits = {"aten::split", "aten::split_with_sizes", "aten::chunk"};
  const bool selects = call.name == "aten::select" || call.name == "aten::unbind";
  const bool is_split = is_one_of(call.name, splits);
  if (!selects && !is_split && call.name != "aten::slice") return std::nullopt;
  const auto d = static_cast<size_t>(wrap_dim(call.integer(is_split ? 2 : 1), static_cast<int64_t>(dims_.size())));
  const auto dim = static_cast<int64_t>(d);
  const int64_t whole = dims_[d].empty() ? 1 : dims_[d][0].size;
  if (dims_[d].size() > 1) return std::nullopt;
  int64_t begin = 0, step = 1;
  if (call.name == "aten::select") {
    begin = wrap_dim(call.integer(2), whole);
  } else if (call.name == "aten::slice") {
    const int64_t given = call.arguments.at(2).isNone() ? 0 : call.integer(2);
    begin = std::clamp<int64_t>(wrap_dim(given, whole), 0, whole);
    step = call.integer(4);
  } else {
    for (const at::Tensor& before : call.outputs) {
      if (before.is_same(output)) break;
      begin += selects ? 1 : before.size(dim);
    }
  }
  ElementMap map = *this;
  const int64_t stride = dims_[d].empty() ? 0 : dims_[d][0].stride;
  map.offset_ += begin * stride;
  if (selects) {
    map.dims_.erase(map.dims_.begin() + dim);
  } else {
    map.dims_[d].clear();
    if (output.size(dim) != 1) map.dims_[d] = {{output.size(dim), stride * step}};
  }
  return map;
}

std::optional<ElementMap> ElementMap::of_one_record(BatchPosition position, int64_t batch) const {
  std::vector<Digit> digits = dims_.at(static_cast<size_t>(position.dim));
  auto inner = take(digits, position.inner);
  auto records = inner ? take(digits, batch) : std::nullopt;
  auto outer = records ? take(digits, position.outer) : std::nullopt;
  if (!outer || !digits.empty()) return std::nullopt;
  for (const Digit& digit : *records) {
    if (digit.stride != 0) return std::nullopt;
  }
  ElementMap map;
  map.offset_ = offset_;
  map.dims_ = {std::move(*outer), std::move(*inner)};
  for (size_t d = 0; d < dims_.size(); ++d) {
    if (static_cast<int64_t>(d) != position.dim) map.dims_.push_back(dims_[d]);
  }
  return map;
}

std::vector<Digit> ElementMap::flat() const {
  std::vector<Digit> digits;
  for (const auto& dim : dims_) {
    for (const Digit& digit : dim) {
      if (digit.size == 1) continue;
      if (!digits.empty() && digits.back().stride == digit.stride * digit.size) {
        digits.back() = {digits.back().size * digit.size, digit.stride};
      } else {
        digits.push_back(digit);
      }
    }
  }
  return digits;
}

int64_t ElementMap::elements() const {
  int64_t count = 1;
  for (const Digit& digit : flat()) count *= digit.size;
  return count;
}

bool ElementMap::repeats() const {
  const std::vector<Digit> digits = flat();
  return std::any_of(digits.begin(), digits.end(), [](const Digit& digit) { return digit.stride == 0; });
}

bool ElementMap::is_identity(int64_t source_elements) const {
  const std::vector<Digit> digits = flat();
  if (digits.empty()) return source_elements == 1;
  return digits.size() == 1 && digits[0] == Digit{source_elements, 1};
}

void ElementMap::add(const at::Tensor& values, at::Tensor target) const {
  SOTTO_ASSERT(target.is_contiguous() && target.dim() == 2 && values.size(0) == target.size(0));
  std::vector<int64_t> sizes = {values.size(0)};
  std::vector<int64_t> summed;
  std::vector<int64_t> shown = {target.size(0)};
  std::vector<int64_t> strides = {target.size(1)};
  for (const Digit& digit : flat()) {
    if (digit.stride == 0) {
      summed.push_back(static_cast<int64_t>(sizes.size()));
    } else {
      shown.push_back(digit.size);
      strides.push_back(digit.stride);
    }
    sizes.push_back(digit.size);
  }
  const at::Tensor digits = values.reshape(sizes);
  target.as_strided(shown, strides, target.storage_offset() + offset_)
      .add_(summed.empty() ? digits : digits.sum(summed));
}

std::optional<at::Tensor> ElementMap::view_on(const at::Tensor& source) const {
  SOTTO_ASSERT(source.is_contiguous());
  std::vector<int64_t> sizes;
  std::vector<int64_t> strides;
  for (std::vector<Digit> dim : dims_) {
    while (dim.size() > 1 && dim[dim.size() - 2].stride == dim.back().stride * dim.back().size) {
      dim[dim.size() - 2] = {dim[dim.size() - 2].size * dim.back().size, dim.back().stride};
      dim.pop_back();
    }
    if (dim.size() > 1 || (dim.size() == 1 && dim[0].stride == 0)) return std::nullopt;
    sizes.push_back(dim.empty() ? 1 : dim[0].size);
    strides.push_back(dim.empty() ? 1 : dim[0].stride);
  }
  return source.as_strided(sizes, strides, source.storage_offset() + offset_);
}

}  // namespace sotto::optim

#include <sotto/optim/memory.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>
#include <vector>

namespace sotto::optim {
namespace {

constexpr std::array<std::string_view, 6> kUninitialised = {"aten::empty",          "aten::empty_like",
                                                            "aten::new_empty",      "aten::empty_strided",
                                                            "aten::empty_permuted", "aten::new_empty_strided"};

}  // namespace

void clear_if_uninitialised(std::string_view operator_name, const at::Tensor& result) {
  if (std::ranges::find(kUninitialised, operator_name) == kUninitialised.end()) return;
  if (!result.has_storage() || result.storage().nbytes() == 0) return;
  if (result.device().is_cpu()) {
    std::memset(result.storage().mutable_data(), 0, result.storage().nbytes());  // all of it, whatever the strides
  } else {
    result.zero_();
  }
}

bool may_overlap_itself(const at::Tensor& tensor) {
  std::vector<std::pair<int64_t, int64_t>> dims;  // stride and size
  for (int64_t d = 0; d < tensor.dim(); ++d) {
    if (tensor.size(d) == 0) return false;
    if (tensor.size(d) > 1) dims.emplace_back(tensor.stride(d), tensor.size(d));
  }
  std::ranges::sort(dims);
  int64_t reach = 0;  // of the dimensions so far, in elements
  for (const auto& [stride, size] : dims) {
    if (stride <= reach) return true;
    reach += stride * (size - 1);
  }
  return false;
}

}  // namespace sotto::optim

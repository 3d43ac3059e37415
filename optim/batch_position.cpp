#include <sotto/optim/batch_position.h>
#include <sotto/privacy/error.h>

#include <functional>
#include <numeric>
#include <vector>

namespace sotto::optim {

std::optional<BatchPosition> reshape_position(at::IntArrayRef from, BatchPosition position, int64_t batch,
                                              at::IntArrayRef to) {
  SOTTO_ASSERT(batch >= 2);
  const auto elements = [](at::IntArrayRef sizes) {
    return std::accumulate(sizes.begin(), sizes.end(), int64_t{1}, std::multiplies<>());
  };
  if (elements(from) != elements(to)) return std::nullopt;  // viewed as another dtype
  // Stride of the batch digit in the row-major linear index.
  int64_t stride = position.inner;
  for (size_t d = static_cast<size_t>(position.dim) + 1; d < from.size(); ++d) stride *= from[d];
  if (stride == 0) return std::nullopt;

  int64_t tail = 1;  // product of the sizes behind the dimension looked at
  for (size_t d = to.size(); d-- > 0;) {
    const int64_t size = to[d];
    if (size == 0) return std::nullopt;
    if (stride < tail * size) {
      if (stride % tail != 0 || size % (stride / tail * batch) != 0) return std::nullopt;
      const int64_t inner = stride / tail;
      return BatchPosition{static_cast<int64_t>(d), size / (inner * batch), inner};
    }
    tail *= size;
  }
  return std::nullopt;
}

at::Tensor batch_first(const at::Tensor& tensor, BatchPosition position, int64_t batch) {
  SOTTO_ASSERT(tensor.size(position.dim) == position.outer * batch * position.inner);
  std::vector<int64_t> sizes;
  std::vector<int64_t> strides;
  const int64_t step = tensor.stride(position.dim);
  sizes.insert(sizes.end(), {batch, position.outer, position.inner});
  strides.insert(strides.end(), {step * position.inner, step * position.inner * batch, step});
  for (int64_t d = 0; d < tensor.dim(); ++d) {
    if (d == position.dim) continue;
    sizes.push_back(tensor.size(d));
    strides.push_back(tensor.stride(d));
  }
  return tensor.as_strided(sizes, strides);
}

}  // namespace sotto::optim

#include <ATen/Parallel.h>
#include <sotto/kernels/weighted_product.h>
#include <sotto/optim/outer_sum.h>
#include <sotto/optim/record_rows.h>
#include <sotto/privacy/error.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace sotto::optim {
namespace {

constexpr int64_t kColumnsOfBlock = 32;  // that stay together
constexpr double kWorkOfPart = 1 << 18;  // multiplications that are worth a thread

}  // namespace

kernels::OuterShape outer_shape(const at::Tensor& left, const at::Tensor& right) {
  return {.records = static_cast<size_t>(left.size(0)),
          .positions = static_cast<size_t>(left.size(1)),
          .left_columns = static_cast<size_t>(left.size(2)),
          .right_columns = static_cast<size_t>(right.size(2)),
          .left_record_stride = static_cast<size_t>(left.stride(0)),
          .left_position_stride = static_cast<size_t>(left.stride(1)),
          .right_record_stride = static_cast<size_t>(right.stride(0)),
          .right_position_stride = static_cast<size_t>(right.stride(1))};
}

// In parts of the longer dimension, a thread for each.
void add_outer_sum(const at::Tensor& left, const at::Tensor& left_scale, const at::Tensor& right,
                   const at::Tensor& right_scale, at::Tensor& sum) {
  // The stride of a single column is never used, and says nothing.
  const auto consecutive = [](const at::Tensor& tensor) { return tensor.size(-1) == 1 || tensor.stride(-1) == 1; };
  SOTTO_ASSERT(consecutive(left) && consecutive(right) && consecutive(sum) && left_scale.is_contiguous() &&
               right_scale.is_contiguous());
  const kernels::OuterShape whole = outer_shape(left, right);
  const bool split_left = whole.left_columns > whole.right_columns;
  const auto columns = static_cast<int64_t>(split_left ? whole.left_columns : whole.right_columns);
  const double work_of_column = static_cast<double>(whole.records * whole.positions) *
                                static_cast<double>(split_left ? whole.right_columns : whole.left_columns);
  const auto blocks_of_part = static_cast<int64_t>(kWorkOfPart / std::max(1.0, work_of_column * kColumnsOfBlock)) + 1;
  for_float_or_double(left, [&](auto zero) {
    using T = decltype(zero);
    at::parallel_for(
        0, (columns + kColumnsOfBlock - 1) / kColumnsOfBlock, blocks_of_part, [&](int64_t begin, int64_t end) {
          const int64_t first = begin * kColumnsOfBlock;
          const auto count = static_cast<size_t>(std::min(columns, end * kColumnsOfBlock) - first);
          kernels::OuterShape part = whole;
          (split_left ? part.left_columns : part.right_columns) = count;
          std::vector<std::byte> scratch(kernels::weighted_product_scratch<T>(part));
          kernels::add_weighted_product(part, left.const_data_ptr<T>() + (split_left ? first : 0),
                                        right.const_data_ptr<T>() + (split_left ? 0 : first),
                                        left_scale.const_data_ptr<T>(), right_scale.const_data_ptr<T>(),
                                        sum.mutable_data_ptr<T>() + (split_left ? first * sum.stride(0) : first),
                                        static_cast<size_t>(sum.stride(0)), scratch.data());
        });
  });
}

}  // namespace sotto::optim

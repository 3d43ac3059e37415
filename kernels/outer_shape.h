#pragma once
// The two factors of per-record gradients that are sums of outer products, g_i = sum_t left[i,t] right[i,t]^T: B
// records, T positions, p columns of left, d columns of right; g_i is [p, d].

#include <cstddef>

namespace sotto::kernels {

struct OuterShape {
  std::size_t records = 0;        // B
  std::size_t positions = 0;      // T
  std::size_t left_columns = 0;   // p
  std::size_t right_columns = 0;  // d
  // Elements between the starts of consecutive records and positions; columns are consecutive.
  std::size_t left_record_stride = 0;
  std::size_t left_position_stride = 0;
  std::size_t right_record_stride = 0;
  std::size_t right_position_stride = 0;
};

namespace cuda {
// Rows and columns of the tiles in which gradients are formed on a device, and tiles of a gradient.
inline constexpr std::size_t kGradientTile = 64;
constexpr std::size_t gradient_tiles(std::size_t rows, std::size_t columns) {
  return ((rows + kGradientTile - 1) / kGradientTile) * ((columns + kGradientTile - 1) / kGradientTile);
}
}  // namespace cuda

}  // namespace sotto::kernels

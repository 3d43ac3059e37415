// Sums are in double, as the processor's.
// f64: row_squared_norms, weighted_row_sum

#include <sotto/kernels/squared_norms.h>

#include <cstdint>
#include <sotto/kernels/reduce.cuh>

namespace sotto::kernels::cuda {
namespace {

constexpr std::size_t kMostBlocks = 0x7fffffff;
// Sums of one row that are added up in a fixed order, whatever the size of a block: its bits are part of the contract.
constexpr int kLanesOfARow = 1024;

// One row per block. Lane l of kLanesOfARow sums the elements l, l + kLanesOfARow, ... of the row; a thread takes the
// lanes thread, thread + blockDim.x, ...; lanes are added by halves.
template <class T>
__global__ void __launch_bounds__(1024)
    row_squared_norms(const T* rows, std::size_t columns, std::size_t stride, double* out) {
  __shared__ double lanes[kLanesOfARow];
  const T* row = rows + blockIdx.x * stride;
  for (int lane = static_cast<int>(threadIdx.x); lane < kLanesOfARow; lane += static_cast<int>(blockDim.x)) {
    double sum = 0;
    for (std::size_t j = static_cast<std::size_t>(lane); j < columns; j += kLanesOfARow) {
      const double x = __ldg(row + j);
      sum += x * x;
    }
    lanes[lane] = sum;
  }
  for (int half = kLanesOfARow / 2; half > 0; half /= 2) {
    __syncthreads();
    for (int lane = static_cast<int>(threadIdx.x); lane < half; lane += static_cast<int>(blockDim.x))
      lanes[lane] += lanes[lane + half];
  }
  if (threadIdx.x == 0) out[blockIdx.x] += lanes[0];
}

// One column per thread, the rows in order.
template <class T>
__global__ void __launch_bounds__(1024)
    weighted_row_sum(const T* rows, std::size_t row_count, std::size_t columns, std::size_t stride, const T* w, T* y) {
  const std::size_t step = static_cast<std::size_t>(gridDim.x) * blockDim.x;
  for (std::size_t j = static_cast<std::size_t>(blockIdx.x) * blockDim.x + threadIdx.x; j < columns; j += step) {
    double sum = 0;
    std::size_t at = j;
    for (std::size_t i = 0; i < row_count; ++i, at += stride) {
      const double weight = __ldg(w + i);
      if (weight != 0) sum += weight * __ldg(rows + at);
    }
    y[j] += static_cast<T>(sum);
  }
}

template <class T>
void launch_norms(const T* rows, std::size_t row_count, std::size_t columns, std::size_t stride, double* out,
                  Stream stream, unsigned block) {
  if (columns == 0) return;
  for (std::size_t begin = 0; begin < row_count; begin += kMostBlocks) {
    const std::size_t count = row_count - begin < kMostBlocks ? row_count - begin : kMostBlocks;
    launch(row_squared_norms<T>, {.grid = dim3(static_cast<unsigned>(count)), .block = dim3(block)}, stream,
           rows + begin * stride, columns, stride, out + begin);
  }
}

template <class T>
void launch_sum(const T* rows, std::size_t row_count, std::size_t columns, std::size_t stride, const T* w, T* y,
                Stream stream, unsigned block) {
  if (row_count == 0 || columns == 0) return;
  launch(weighted_row_sum<T>, {.grid = blocks_for(columns, block), .block = dim3(block)}, stream, rows, row_count,
         columns, stride, w, y);
}

}  // namespace

void add_row_squared_norms(const float* rows, std::size_t row_count, std::size_t columns, std::size_t stride,
                           double* out, Stream stream, unsigned block) {
  launch_norms(rows, row_count, columns, stride, out, stream, block);
}
void add_row_squared_norms(const double* rows, std::size_t row_count, std::size_t columns, std::size_t stride,
                           double* out, Stream stream, unsigned block) {
  launch_norms(rows, row_count, columns, stride, out, stream, block);
}
void add_weighted_row_sum(const float* rows, std::size_t row_count, std::size_t columns, std::size_t stride,
                          const float* w, float* y, Stream stream, unsigned block) {
  launch_sum(rows, row_count, columns, stride, w, y, stream, block);
}
void add_weighted_row_sum(const double* rows, std::size_t row_count, std::size_t columns, std::size_t stride,
                          const double* w, double* y, Stream stream, unsigned block) {
  launch_sum(rows, row_count, columns, stride, w, y, stream, block);
}

}  // namespace sotto::kernels::cuda

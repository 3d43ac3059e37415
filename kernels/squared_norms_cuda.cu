// Sums are in double, as the processor's.
// f64: row_squared_norms, sum_part, add_parts_of_sum

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

// One column of one part of the rows per thread, the rows in order: parts[part, column], or the only part into y.
template <class T>
__global__ void __launch_bounds__(1024)
    sum_part(const T* rows, std::size_t row_count, std::size_t columns, std::size_t stride, const T* w, double* parts,
             std::size_t part_count, T* y) {
  const std::size_t step = static_cast<std::size_t>(gridDim.x) * blockDim.x;
  for (std::size_t at = static_cast<std::size_t>(blockIdx.x) * blockDim.x + threadIdx.x; at < part_count * columns;
       at += step) {
    const std::size_t part = at / columns, j = at % columns;
    const std::size_t begin = part * kRowsOfAPart;
    const std::size_t end = begin + kRowsOfAPart < row_count ? begin + kRowsOfAPart : row_count;
    double sum = 0;
    for (std::size_t i = begin; i < end; ++i) {
      const double weight = __ldg(w + i);
      if (weight != 0) sum += weight * __ldg(rows + i * stride + j);
    }
    if (parts != nullptr)
      parts[at] = sum;
    else
      y[j] += static_cast<T>(sum);
  }
}

// One column per thread, the parts in order.
template <class T>
__global__ void __launch_bounds__(1024)
    add_parts_of_sum(const double* parts, std::size_t part_count, std::size_t columns, T* y) {
  const std::size_t step = static_cast<std::size_t>(gridDim.x) * blockDim.x;
  for (std::size_t j = static_cast<std::size_t>(blockIdx.x) * blockDim.x + threadIdx.x; j < columns; j += step) {
    double sum = 0;
    for (std::size_t part = 0; part < part_count; ++part) sum += __ldg(parts + part * columns + j);
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
void launch_sum(const T* rows, std::size_t row_count, std::size_t columns, std::size_t stride, const T* w,
                double* scratch, T* y, Stream stream, unsigned block) {
  if (row_count == 0 || columns == 0) return;
  const std::size_t part_count = (row_count + kRowsOfAPart - 1) / kRowsOfAPart;
  launch(sum_part<T>, {.grid = blocks_for(part_count * columns, block), .block = dim3(block)}, stream, rows, row_count,
         columns, stride, w, part_count == 1 ? nullptr : scratch, part_count, y);
  if (part_count == 1) return;
  launch(add_parts_of_sum<T>, {.grid = blocks_for(columns, block), .block = dim3(block)}, stream, scratch, part_count,
         columns, y);
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
                          const float* w, void* scratch, float* y, Stream stream, unsigned block) {
  launch_sum(rows, row_count, columns, stride, w, static_cast<double*>(scratch), y, stream, block);
}
void add_weighted_row_sum(const double* rows, std::size_t row_count, std::size_t columns, std::size_t stride,
                          const double* w, void* scratch, double* y, Stream stream, unsigned block) {
  launch_sum(rows, row_count, columns, stride, w, static_cast<double*>(scratch), y, stream, block);
}

}  // namespace sotto::kernels::cuda

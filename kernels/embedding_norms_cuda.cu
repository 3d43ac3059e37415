// f64: record_norms

#include <sotto/kernels/embedding_norms.h>

#include <algorithm>
#include <cmath>
#include <sotto/kernels/reduce.cuh>

namespace sotto::kernels::cuda {
namespace {

constexpr std::size_t kMostBlocks = 0x7fffffff;
constexpr unsigned kMostThreads = 256;
constexpr int kNone = -1;
// Sums of a record that are added up in a fixed order, whatever the size of a block.
constexpr int kCells = 256;

struct Position {
  double square;  // of the row of the table, at the first position of its token; else 0
  double size;    // |scale||gradient|
  int next;       // position of the same token, or kNone
  int is_first;
};

static_assert(sizeof(Position) == 24);  // embedding_norm_scratch

// Where the next position of the same token is. Every position is the next one of at most one other.
__device__ void chain_equal_tokens(const std::int64_t* tokens, int count, std::int64_t padding, Position* positions) {
  const int thread = static_cast<int>(threadIdx.x);
  const int threads = static_cast<int>(blockDim.x);
  for (int t = thread; t < count; t += threads) {
    const bool counts = padding < 0 || tokens[t] != padding;
    positions[t] = {0.0, 0.0, kNone, counts ? 1 : 0};
  }
  __syncthreads();
  for (int t = thread; t < count; t += threads) {
    const std::int64_t token = tokens[t];
    if (token == padding && padding >= 0) continue;
    int next = t + 1;
    while (next < count && tokens[next] != token) ++next;
    if (next == count) continue;
    positions[t].next = next;
    positions[next].is_first = 0;
  }
  __syncthreads();
}

// One record per block, one token per warp.
template <class T>
__global__ void __launch_bounds__(kMostThreads)
    record_norms(const EmbeddingShape shape, std::size_t first_record, const std::int64_t* all_tokens, const T* scales,
                 const T* gradients, Position* all_positions, double* computed, double* bound) {
  __shared__ double squares[kCells];
  __shared__ double sizes[kCells];
  const std::size_t record = first_record + blockIdx.x;
  const int count = static_cast<int>(shape.positions);
  const int per_row = static_cast<int>(shape.positions_per_row);
  const std::int64_t* tokens = all_tokens + record * shape.token_record_stride;
  const T* scale = scales == nullptr ? nullptr : scales + record * shape.token_record_stride;
  const T* gradient = gradients + record * shape.gradient_record_stride;
  Position* positions = all_positions + record * shape.positions;
  chain_equal_tokens(tokens, count, shape.padding, positions);

  const int thread = static_cast<int>(threadIdx.x);
  const int warps = static_cast<int>(blockDim.x) / kLanes;
  const std::size_t lane = threadIdx.x % kLanes;
  for (int t = thread / kLanes; t < count; t += warps) {
    const bool counts = shape.padding < 0 || tokens[t] != shape.padding;
    if (!counts) continue;
    const bool is_first = positions[t].is_first != 0;
    double square = 0, own = 0;
    for (std::size_t j = lane; j < shape.columns; j += kLanes) {
      const double x = __ldg(gradient + static_cast<std::size_t>(t / per_row) * shape.gradient_row_stride + j);
      own += x * x;
      if (!is_first) continue;
      double sum = 0;
      for (int s = t; s != kNone; s = positions[s].next) {
        const double y = __ldg(gradient + static_cast<std::size_t>(s / per_row) * shape.gradient_row_stride + j);
        sum += scale == nullptr ? y : static_cast<double>(scale[s]) * y;
      }
      square += sum * sum;
    }
    square = warp_sum(square);
    own = warp_sum(own);
    if (lane == 0) {
      positions[t].square = square;
      positions[t].size = sqrt(own) * (scale == nullptr ? 1.0 : fabs(static_cast<double>(scale[t])));
    }
  }
  __syncthreads();
  for (int cell = thread; cell < kCells; cell += static_cast<int>(blockDim.x)) {
    double square = 0, size = 0;
    for (int t = cell; t < count; t += kCells) {
      square += positions[t].square;
      size += positions[t].size;
    }
    squares[cell] = square;
    sizes[cell] = size;
  }
  for (int half = kCells / 2; half > 0; half /= 2) {
    __syncthreads();
    for (int cell = thread; cell < half; cell += static_cast<int>(blockDim.x)) {
      squares[cell] += squares[cell + half];
      sizes[cell] += sizes[cell + half];
    }
  }
  if (thread == 0) {
    computed[record] = squares[0];
    bound[record] = sizes[0];
  }
}

template <class T>
void launch_norms(const EmbeddingShape& shape, const std::int64_t* tokens, const T* scale, const T* gradient,
                  void* scratch, double* computed, double* bound, Stream stream, unsigned block) {
  check({.grid = dim3(1), .block = dim3(block)});
  for (std::size_t first = 0; first < shape.records; first += kMostBlocks) {
    const std::size_t count = shape.records - first < kMostBlocks ? shape.records - first : kMostBlocks;
    launch(record_norms<T>, {.grid = dim3(static_cast<unsigned>(count)), .block = dim3(std::min(block, kMostThreads))},
           stream, shape, first, tokens, scale, gradient, static_cast<Position*>(scratch), computed, bound);
  }
}

}  // namespace

void embedding_norms(const EmbeddingShape& shape, const std::int64_t* tokens, const float* scale, const float* gradient,
                     void* scratch, double* computed, double* bound, Stream stream, unsigned block) {
  launch_norms(shape, tokens, scale, gradient, scratch, computed, bound, stream, block);
}
void embedding_norms(const EmbeddingShape& shape, const std::int64_t* tokens, const double* scale,
                     const double* gradient, void* scratch, double* computed, double* bound, Stream stream,
                     unsigned block) {
  launch_norms(shape, tokens, scale, gradient, scratch, computed, bound, stream, block);
}

}  // namespace sotto::kernels::cuda

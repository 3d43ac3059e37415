// Sums of a record, and what is done once for a row or a pair; inner products are in the type of the input.
// f64: measure_rows, tile_sums, add_parts

#include <sotto/kernels/gram_norms.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <sotto/kernels/reduce.cuh>

namespace sotto::kernels::cuda {
namespace {

constexpr std::size_t kMostBlocks = 0x7fffffff;
constexpr unsigned kMostThreads = 256;
constexpr int kTile = static_cast<int>(kGramTile);  // positions on either side of a tile of pairs
constexpr int kSide = 16;                           // threads on either side
constexpr int kEach = 4;                            // a thread has kEach x kEach pairs, kSide apart
constexpr int kCells = kSide * kSide;
template <class T>
constexpr int kSlab = static_cast<int>(kGramSlab<T>);  // columns in shared memory at a time

// Of every position of every record.
template <class T>
struct Row {
  double scale;  // 2^(e + f) for the exponents of its left and right row
  double norm;   // |left_t||right_t|
  T left;        // 2^-e
  T right;       // 2^-f
};

static_assert(sizeof(Row<float>) <= 32 && sizeof(Row<double>) <= 32);  // gram_norm_scratch

template <class T>
struct Side {
  const T* rows;
  std::size_t columns, record_stride, position_stride;

  __device__ const T* row(std::size_t record, std::size_t position) const {
    return rows + record * record_stride + position * position_stride;
  }
};

__device__ inline int limited(int exponent, int most) {
  return exponent > most ? most : exponent < -most ? -most : exponent;
}
// The power of two that puts a value into [1/2, 1), its inverse being no subnormal number.
__device__ inline int exponent_of(float value) {
  return limited(limited(ilogbf(value), 1000) + 1, 126);
}
__device__ inline int exponent_of(double value) {
  return limited(limited(ilogb(value), 2000) + 1, 1022);
}

// What a warp finds out about a row: its exponent and the squared norm of the row times 2^-exponent.
template <class T>
__device__ int measure(const T* row, std::size_t columns, double& norm) {
  T largest{};
  const std::size_t lane = threadIdx.x % kLanes;
  for (std::size_t j = lane; j < columns; j += kLanes) {
    const T x = __ldg(row + j);
    const T size{x < 0 ? -x : x};
    if (size > largest) largest = size;
  }
  for (int bits = kLanes / 2; bits > 0; bits /= 2) {
    const T other = __shfl_xor_sync(kWholeWarp, largest, bits);
    if (other > largest) largest = other;
  }
  const int exponent = exponent_of(largest);
  const T scale = static_cast<T>(ldexp(1.0, -exponent));
  T sum{};
  for (std::size_t j = lane; j < columns; j += kLanes) {
    const T x = __ldg(row + j) * scale;
    sum += x * x;
  }
  norm = sqrt(static_cast<double>(warp_sum(sum)));
  return exponent;
}

template <class T>
__global__ void __launch_bounds__(kMostThreads)
    measure_rows(const Side<T> left, const Side<T> right, std::size_t records, std::size_t positions, double larger,
                 Row<T>* rows) {
  const std::size_t warps = static_cast<std::size_t>(gridDim.x) * blockDim.x / kLanes;
  const std::size_t first = (static_cast<std::size_t>(blockIdx.x) * blockDim.x + threadIdx.x) / kLanes;
  for (std::size_t at = first; at < records * positions; at += warps) {
    double of_left, of_right;
    const int e = measure(left.row(at / positions, at % positions), left.columns, of_left);
    const int f = measure(right.row(at / positions, at % positions), right.columns, of_right);
    if (threadIdx.x % kLanes == 0) {
      const double scale = ldexp(1.0, e + f);
      rows[at] = {scale, of_left * of_right * scale * larger, static_cast<T>(ldexp(1.0, -e)),
                  static_cast<T>(ldexp(1.0, -f))};
    }
  }
}

// kTile scaled rows from `position` on, columns [begin, begin + kSlab), zeros beyond the ends.
template <class T>
__device__ void load_slab(const Side<T>& side, std::size_t record, std::size_t position, std::size_t positions,
                          std::size_t begin, const Row<T>* rows, T Row<T>::*scale, T (*slab)[kSlab<T> + 1]) {
  for (int at = static_cast<int>(threadIdx.x); at < kTile * kSlab<T>; at += static_cast<int>(blockDim.x)) {
    const int row = at / kSlab<T>;
    const int column = at % kSlab<T>;
    const std::size_t t = position + static_cast<std::size_t>(row);
    const std::size_t j = begin + static_cast<std::size_t>(column);
    slab[row][column] = t < positions && j < side.columns ? __ldg(side.row(record, t) + j) * rows[t].*scale : T{};
  }
}

// Inner products of rows t + kSide * r + cell / kSide with rows s + kSide * c + cell % kSide.
template <class T>
__device__ void dot_products(const Side<T>& side, std::size_t record, std::size_t t, std::size_t s,
                             std::size_t positions, const Row<T>* rows, T Row<T>::*scale, int cell,
                             T (*at_t)[kSlab<T> + 1], T (*at_s)[kSlab<T> + 1], T (&dots)[kEach][kEach]) {
  for (int r = 0; r < kEach; ++r)
    for (int c = 0; c < kEach; ++c) dots[r][c] = T{};
  for (std::size_t begin = 0; begin < side.columns; begin += kSlab<T>) {
    __syncthreads();
    load_slab(side, record, t, positions, begin, rows, scale, at_t);
    load_slab(side, record, s, positions, begin, rows, scale, at_s);
    __syncthreads();
    if (cell >= kCells) continue;
    T chain[kEach][kEach] = {};
    for (int k = 0; k < kSlab<T>; ++k) {
      T a[kEach], b[kEach];
      for (int r = 0; r < kEach; ++r) a[r] = at_t[r * kSide + cell / kSide][k];
      for (int c = 0; c < kEach; ++c) b[c] = at_s[c * kSide + cell % kSide][k];
      for (int r = 0; r < kEach; ++r)
        for (int c = 0; c < kEach; ++c) chain[r][c] += a[r] * b[c];
    }
    for (int r = 0; r < kEach; ++r)
      for (int c = 0; c < kEach; ++c) dots[r][c] += chain[r][c];
  }
}

// One tile of pairs with s <= t of one record per block: partial[record - first, tile] = its part of the sum.
template <class T>
__global__ void __launch_bounds__(kMostThreads)
    tile_sums(const Side<T> left, const Side<T> right, std::size_t first_record, std::size_t positions,
              std::size_t tiles, const Row<T>* all_rows, double* partial) {
  __shared__ T at_t[kTile][kSlab<T> + 1];
  __shared__ T at_s[kTile][kSlab<T> + 1];
  __shared__ double cells[kCells];
  const std::size_t record = first_record + blockIdx.x / tiles;
  std::size_t tile = blockIdx.x % tiles;
  std::size_t row_of_tiles = 0;
  while (tile > row_of_tiles) tile -= ++row_of_tiles;
  const std::size_t t = row_of_tiles * kTile;
  const std::size_t s = tile * kTile;
  const Row<T>* rows = all_rows + record * positions;

  const int passes = (kCells + static_cast<int>(blockDim.x) - 1) / static_cast<int>(blockDim.x);
  for (int pass = 0; pass < passes; ++pass) {
    const int cell = pass * static_cast<int>(blockDim.x) + static_cast<int>(threadIdx.x);
    T of_left[kEach][kEach], of_right[kEach][kEach];
    dot_products(left, record, t, s, positions, rows, &Row<T>::left, cell, at_t, at_s, of_left);
    dot_products(right, record, t, s, positions, rows, &Row<T>::right, cell, at_t, at_s, of_right);
    if (cell >= kCells) continue;
    double sum = 0;
    for (int r = 0; r < kEach; ++r) {
      const std::size_t row = t + static_cast<std::size_t>(r * kSide + cell / kSide);
      for (int c = 0; c < kEach; ++c) {
        const std::size_t column = s + static_cast<std::size_t>(c * kSide + cell % kSide);
        if (row >= positions || column > row) continue;
        const double times = column < row ? 2.0 : 1.0;
        sum += times * rows[row].scale * rows[column].scale * static_cast<double>(of_left[r][c]) *
               static_cast<double>(of_right[r][c]);
      }
    }
    cells[cell] = sum;
  }
  for (int half = kCells / 2; half > 0; half /= 2) {
    __syncthreads();
    for (int cell = static_cast<int>(threadIdx.x); cell < half; cell += static_cast<int>(blockDim.x))
      cells[cell] += cells[cell + half];
  }
  if (threadIdx.x == 0) partial[record * tiles + blockIdx.x % tiles] = cells[0];
}

// A warp per record.
template <class T>
__global__ void __launch_bounds__(kMostThreads)
    add_parts(std::size_t records, std::size_t positions, std::size_t tiles, const Row<T>* rows, const double* partial,
              double* computed, double* bound) {
  const std::size_t warps = static_cast<std::size_t>(gridDim.x) * blockDim.x / kLanes;
  const std::size_t lane = threadIdx.x % kLanes;
  for (std::size_t i = (static_cast<std::size_t>(blockIdx.x) * blockDim.x + threadIdx.x) / kLanes; i < records;
       i += warps) {
    double sum = 0, norms = 0;
    for (std::size_t k = lane; k < tiles; k += kLanes) sum += partial[i * tiles + k];
    for (std::size_t t = lane; t < positions; t += kLanes) norms += rows[i * positions + t].norm;
    sum = warp_sum(sum);
    norms = warp_sum(norms);
    if (lane == 0) {
      computed[i] = sum;
      bound[i] = norms;
    }
  }
}

template <class T>
void launch_all(const OuterShape& shape, const T* left, const T* right, void* scratch, double* computed, double* bound,
                Stream stream, unsigned block) {
  if (shape.records == 0) return;
  check({.grid = dim3(1), .block = dim3(block)});
  const unsigned threads = std::min(block, kMostThreads);
  const Side<T> lefts{left, shape.left_columns, shape.left_record_stride, shape.left_position_stride};
  const Side<T> rights{right, shape.right_columns, shape.right_record_stride, shape.right_position_stride};
  const std::size_t tiles = gram_tiles(shape.positions);
  auto* rows = static_cast<Row<T>*>(scratch);
  auto* partial = reinterpret_cast<double*>(rows + shape.records * shape.positions);
  if (shape.positions > 0) {
    // Squared norms are sums in T: the bound is made larger by what they may have lost.
    const double lost = static_cast<double>((shape.left_columns + shape.right_columns) / kLanes + 16) *
                        std::numeric_limits<T>::epsilon();
    launch(measure_rows<T>,
           {.grid = blocks_for(shape.records * shape.positions * kLanes, threads), .block = dim3(threads)}, stream,
           lefts, rights, shape.records, shape.positions, 1 + lost, rows);
    const std::size_t at_once = std::max<std::size_t>(1, kMostBlocks / tiles);
    for (std::size_t first = 0; first < shape.records; first += at_once) {
      const auto blocks = static_cast<unsigned>(std::min(at_once, shape.records - first) * tiles);
      launch(tile_sums<T>, {.grid = dim3(blocks), .block = dim3(threads)}, stream, lefts, rights, first,
             shape.positions, tiles, rows, partial);
    }
  }
  launch(add_parts<T>, {.grid = blocks_for(shape.records * kLanes, threads), .block = dim3(threads)}, stream,
         shape.records, shape.positions, tiles, rows, partial, computed, bound);
}

}  // namespace

void gram_norms(const OuterShape& shape, const float* left, const float* right, void* scratch, double* computed,
                double* bound, Stream stream, unsigned block) {
  launch_all(shape, left, right, scratch, computed, bound, stream, block);
}
void gram_norms(const OuterShape& shape, const double* left, const double* right, void* scratch, double* computed,
                double* bound, Stream stream, unsigned block) {
  launch_all(shape, left, right, scratch, computed, bound, stream, block);
}

}  // namespace sotto::kernels::cuda

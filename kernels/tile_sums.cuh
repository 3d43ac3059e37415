#pragma once
// Sums of outer products on a device, sum_t left(t, a) right(t, b), in tiles of 64 x 64 elements whose squared norm is
// taken from registers: what tile_norms_cuda.cu and convolution_norms_cuda.cu have in common. Where the factors come
// from is said by a Source:
//
//   rows(), columns(), places(), groups()          of a matrix, and matrices per record
//   Tables                                         plain data in shared memory
//   prepare_row(tables, local, a, group)           one row of the tile, a < rows()
//   prepare_place(tables, local, t)                one place of the slab, t < places()
//   left(tables, record, group, t, local_t, a, local_a), right(..., b)
//   kPlacesFirst                                   consecutive places of `right` are consecutive in memory

#include <sotto/kernels/outer_shape.h>

#include <algorithm>
#include <cstddef>
#include <sotto/kernels/reduce.cuh>

namespace sotto::kernels::cuda {

constexpr unsigned kMostTileThreads = 256;
constexpr int kTile = static_cast<int>(kGradientTile);
constexpr int kSide = 16;  // threads on either side
constexpr int kEach = 4;   // a thread has kEach x kEach elements, kSide apart
constexpr int kCells = kSide * kSide;
constexpr int kSlab = 16;  // places in shared memory at a time

template <class T>
using Slab = T[kSlab][kTile + 1];

// kSlab places of both factors from `begin` on, zeros beyond the ends. Its first barrier also waits for the threads
// that still read the slab before.
template <class T, class Source>
__device__ void load_slab(const Source& source, typename Source::Tables& tables, std::size_t record, std::size_t group,
                          std::size_t begin, std::size_t first_row, std::size_t first_column, Slab<T>& left,
                          Slab<T>& right) {
  const int thread = static_cast<int>(threadIdx.x);
  const int threads = static_cast<int>(blockDim.x);
  for (int k = thread; k < kSlab; k += threads)
    if (begin + k < source.places()) source.prepare_place(tables, k, begin + k);
  __syncthreads();
  for (int at = thread; at < kSlab * kTile; at += threads) {
    const int k = at / kTile, row = at % kTile;
    const std::size_t t = begin + k, a = first_row + row;
    left[k][row] = t < source.places() && a < source.rows() ? source.left(tables, record, group, t, k, a, row) : T{};
    const int j = Source::kPlacesFirst ? at % kSlab : k;
    const int column = Source::kPlacesFirst ? at / kSlab : row;
    const std::size_t s = begin + j, b = first_column + column;
    right[j][column] = s < source.places() && b < source.columns() ? source.right(tables, record, group, s, j, b) : T{};
  }
  __syncthreads();
}

// One tile per block, two blocks at least on a multiprocessor: with four the compiler spills. The matrices of a record
// are consecutive in kept; partial[record, group, tile] is its squared norm.
template <class T, class Source>
__global__ void __launch_bounds__(kMostTileThreads, 2)
    outer_tiles(const Source source, std::size_t first_record, std::size_t row_tiles, std::size_t column_tiles, T* kept,
                std::size_t kept_stride, double* partial) {
  __shared__ Slab<T> left;
  __shared__ Slab<T> right;
  __shared__ double cells[kCells];
  __shared__ typename Source::Tables tables;
  const std::size_t tiles = row_tiles * column_tiles;
  const std::size_t matrix = blockIdx.x / tiles;
  const std::size_t record = first_record + matrix / source.groups();
  const std::size_t group = matrix % source.groups();
  const std::size_t first_row = blockIdx.x % tiles / column_tiles * kTile;
  const std::size_t first_column = blockIdx.x % column_tiles * kTile;
  const int thread = static_cast<int>(threadIdx.x);
  const int threads = static_cast<int>(blockDim.x);
  for (int row = thread; row < kTile; row += threads)
    if (first_row + row < source.rows()) source.prepare_row(tables, row, first_row + row, group);
  T* matrix_kept = kept == nullptr ? nullptr : kept + record * kept_stride + group * source.rows() * source.columns();

  const int passes = (kCells + threads - 1) / threads;
  for (int pass = 0; pass < passes; ++pass) {
    const int cell = pass * threads + thread;
    T sums[kEach][kEach] = {};
    for (std::size_t begin = 0; begin < source.places(); begin += kSlab) {
      load_slab<T>(source, tables, record, group, begin, first_row, first_column, left, right);
      if (cell >= kCells) continue;
      for (int k = 0; k < kSlab; ++k) {
        T a[kEach], b[kEach];
        for (int r = 0; r < kEach; ++r) a[r] = left[k][r * kSide + cell / kSide];
        for (int c = 0; c < kEach; ++c) b[c] = right[k][c * kSide + cell % kSide];
        for (int r = 0; r < kEach; ++r)
          for (int c = 0; c < kEach; ++c) sums[r][c] += a[r] * b[c];
      }
    }
    if (cell >= kCells) continue;
    double square = 0;
    for (int r = 0; r < kEach; ++r) {
      const std::size_t row = first_row + r * kSide + cell / kSide;
      for (int c = 0; c < kEach; ++c) {
        const std::size_t column = first_column + c * kSide + cell % kSide;
        if (row >= source.rows() || column >= source.columns()) continue;
        square += static_cast<double>(sums[r][c]) * static_cast<double>(sums[r][c]);
        if (matrix_kept != nullptr) matrix_kept[row * source.columns() + column] = sums[r][c];
      }
    }
    cells[cell] = square;
  }
  for (int half = kCells / 2; half > 0; half /= 2) {
    __syncthreads();
    for (int cell = thread; cell < half; cell += threads) cells[cell] += cells[cell + half];
  }
  if (thread == 0) partial[first_record * source.groups() * tiles + blockIdx.x] = cells[0];
}

// out[i] = sum of parts[i, :]; a warp per row.
template <class Sum>
__global__ void __launch_bounds__(kMostTileThreads)
    add_parts(std::size_t records, std::size_t count, const Sum* parts, Sum* out) {
  const std::size_t warps = static_cast<std::size_t>(gridDim.x) * blockDim.x / kLanes;
  const std::size_t lane = threadIdx.x % kLanes;
  for (std::size_t i = (static_cast<std::size_t>(blockIdx.x) * blockDim.x + threadIdx.x) / kLanes; i < records;
       i += warps) {
    Sum sum = 0;
    for (std::size_t k = lane; k < count; k += kLanes) sum += parts[i * count + k];
    sum = warp_sum(sum);
    if (lane == 0) out[i] = sum;
  }
}

// Everything: all tiles of all records, and their squared norms added up. `partial` has an element per tile and group.
template <class T, class Source>
void launch_tiles(const Source& source, std::size_t records, T* kept, std::size_t kept_stride, double* partial,
                  double* computed, Stream stream, unsigned block) {
  constexpr std::size_t kMostBlocks = 0x7fffffff;
  check({.grid = dim3(1), .block = dim3(block)});
  if (records == 0) return;
  const unsigned threads = std::min(block, kMostTileThreads);
  const std::size_t row_tiles = (source.rows() + kTile - 1) / kTile;
  const std::size_t column_tiles = (source.columns() + kTile - 1) / kTile;
  const std::size_t of_record = source.groups() * row_tiles * column_tiles;
  const std::size_t at_once = of_record == 0 ? records : std::max<std::size_t>(1, kMostBlocks / of_record);
  for (std::size_t first = 0; of_record > 0 && first < records; first += at_once) {
    const auto blocks = static_cast<unsigned>(std::min(at_once, records - first) * of_record);
    launch(outer_tiles<T, Source>, {.grid = dim3(blocks), .block = dim3(threads)}, stream, source, first, row_tiles,
           column_tiles, kept, kept_stride, partial);
  }
  launch(add_parts<double>, {.grid = blocks_for(records * kLanes, threads), .block = dim3(threads)}, stream, records,
         of_record, partial, computed);
}

}  // namespace sotto::kernels::cuda

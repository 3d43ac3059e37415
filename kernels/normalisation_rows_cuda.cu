// With elements that are double; with float there is none.
// f64: sum_rows, sum_channels

#include <sotto/kernels/normalisation_rows.h>

#include <algorithm>
#include <sotto/kernels/reduce.cuh>

namespace sotto::kernels::cuda {
namespace {

constexpr std::size_t kMostBlocks = 0x7fffffff;
constexpr unsigned kMostThreads = 256;  // and two blocks on a multiprocessor: with more the compiler may spill
// Sums of a channel that are added up in a fixed order, whatever the size of a block.
constexpr int kSlots = 8;
constexpr int kCells = kSlots * kLanes;

template <class T>
struct Inputs {
  const T* input;
  const T* mean;
  const T* reciprocal_deviation;
  const T* gradient;
};

// Chains of kNormalisationChain terms, and a chain of their sums.
template <class T>
struct Sums {
  T total[2] = {};
  T chain[2] = {};
  unsigned length = 0;

  __device__ void add(T scale, T shift) {
    chain[0] += scale;
    chain[1] += shift;
    if (++length == kNormalisationChain) flush();
  }
  __device__ void flush() {
    for (int k = 0; k < 2; ++k) {
      total[k] += chain[k];
      chain[k] = T{};
    }
    length = 0;
  }
};

template <class T>
__device__ void add_place(const NormalisationShape& shape, const Inputs<T>& of, std::size_t record, std::size_t outer,
                          std::size_t channel, std::size_t inner, Sums<T>& sums) {
  const std::size_t at = (outer * shape.channels + channel) * shape.inner + inner;
  const T g = __ldg(of.gradient + record * shape.gradient_record_stride + at);
  T scale{};
  if (of.input != nullptr) {
    const std::size_t statistic = record * shape.statistic_record_stride + outer * shape.statistic_outer_stride +
                                  channel / shape.channels_per_statistic;
    const T x = __ldg(of.input + record * shape.input_record_stride + at);
    scale = g * ((x - __ldg(of.mean + statistic)) * __ldg(of.reciprocal_deviation + statistic));
  }
  sums.add(scale, g);
}

template <class T>
__device__ void write(T scale, T shift, std::size_t at, T* scale_rows, T* shift_rows) {
  if (scale_rows != nullptr) scale_rows[at] = scale;
  if (shift_rows != nullptr) shift_rows[at] = shift;
}

// inner = 1. A block has 32 channels of a record, in kSlots sums each: those of the places slot, slot + kSlots, ...
template <class T>
__global__ void __launch_bounds__(kMostThreads, 2) sum_rows(const NormalisationShape shape, const Inputs<T> of,
                                                            std::size_t first_block, T* scale_rows, T* shift_rows) {
  __shared__ T scales[kCells];
  __shared__ T shifts[kCells];
  const std::size_t parts = (shape.channels + kLanes - 1) / kLanes;
  const std::size_t record = (first_block + blockIdx.x) / parts;
  const std::size_t first = (first_block + blockIdx.x) % parts * kLanes;
  const int thread = static_cast<int>(threadIdx.x);
  const int threads = static_cast<int>(blockDim.x);
  for (int cell = thread; cell < kCells; cell += threads) {
    Sums<T> sums;
    const std::size_t channel = first + static_cast<std::size_t>(cell % kLanes);
    if (channel < shape.channels)
      for (std::size_t o = static_cast<std::size_t>(cell / kLanes); o < shape.outer; o += kSlots)
        add_place(shape, of, record, o, channel, 0, sums);
    sums.flush();
    scales[cell] = sums.total[0];
    shifts[cell] = sums.total[1];
  }
  for (int half = kSlots / 2; half > 0; half /= 2) {
    __syncthreads();
    for (int cell = thread; cell < half * kLanes; cell += threads) {
      scales[cell] += scales[cell + half * kLanes];
      shifts[cell] += shifts[cell + half * kLanes];
    }
  }
  __syncthreads();
  for (int lane = thread; lane < kLanes; lane += threads) {
    const std::size_t channel = first + static_cast<std::size_t>(lane);
    if (channel < shape.channels)
      write(scales[lane], shifts[lane], record * shape.channels + channel, scale_rows, shift_rows);
  }
}

// inner > 1. A warp per channel of a record.
template <class T>
__global__ void __launch_bounds__(kMostThreads, 2)
    sum_channels(const NormalisationShape shape, const Inputs<T> of, T* scale_rows, T* shift_rows) {
  const std::size_t warps = static_cast<std::size_t>(gridDim.x) * blockDim.x / kLanes;
  const std::size_t lane = threadIdx.x % kLanes;
  for (std::size_t at = (static_cast<std::size_t>(blockIdx.x) * blockDim.x + threadIdx.x) / kLanes;
       at < shape.records * shape.channels; at += warps) {
    Sums<T> sums;
    for (std::size_t o = 0; o < shape.outer; ++o)
      for (std::size_t s = lane; s < shape.inner; s += kLanes)
        add_place(shape, of, at / shape.channels, o, at % shape.channels, s, sums);
    sums.flush();
    const T scale = warp_sum(sums.total[0]);
    const T shift = warp_sum(sums.total[1]);
    if (lane == 0) write(scale, shift, at, scale_rows, shift_rows);
  }
}

template <class T>
void launch_rows(const NormalisationShape& shape, Inputs<T> of, T* scale_rows, T* shift_rows, Stream stream,
                 unsigned block) {
  check({.grid = dim3(1), .block = dim3(block)});
  if (shape.records == 0 || shape.channels == 0) return;
  if (scale_rows == nullptr) of.input = nullptr;
  const dim3 threads(std::min(block, kMostThreads));
  if (shape.inner != 1) {
    launch(sum_channels<T>, {.grid = blocks_for(shape.records * shape.channels * kLanes, threads.x), .block = threads},
           stream, shape, of, scale_rows, shift_rows);
    return;
  }
  const std::size_t blocks = shape.records * ((shape.channels + kLanes - 1) / kLanes);
  for (std::size_t first = 0; first < blocks; first += kMostBlocks) {
    const auto count = static_cast<unsigned>(std::min(kMostBlocks, blocks - first));
    launch(sum_rows<T>, {.grid = dim3(count), .block = threads}, stream, shape, of, first, scale_rows, shift_rows);
  }
}

}  // namespace

void normalisation_rows(const NormalisationShape& shape, const float* input, const float* mean,
                        const float* reciprocal_deviation, const float* gradient, float* scale_rows, float* shift_rows,
                        Stream stream, unsigned block) {
  launch_rows<float>(shape, {input, mean, reciprocal_deviation, gradient}, scale_rows, shift_rows, stream, block);
}
void normalisation_rows(const NormalisationShape& shape, const double* input, const double* mean,
                        const double* reciprocal_deviation, const double* gradient, double* scale_rows,
                        double* shift_rows, Stream stream, unsigned block) {
  launch_rows<double>(shape, {input, mean, reciprocal_deviation, gradient}, scale_rows, shift_rows, stream, block);
}

}  // namespace sotto::kernels::cuda

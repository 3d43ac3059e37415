// Sums of rows, once right and once with each of the mistakes that kernels are prone to. Everything that a check of the
// executor promises to find is planted here.

#include <sotto/kernels/reduce.cuh>

#include "planted_bugs.h"

namespace sotto::kernels::testing {
namespace {

constexpr int kMostWarps = 8;

template <Bug kBug>
__global__ void __launch_bounds__(256) row_sum(const float* rows, float* sums, int columns) {
  __shared__ float partial[kMostWarps];
  const int thread = static_cast<int>(threadIdx.x);
  const int warps = static_cast<int>(blockDim.x) / kLanes;
  const int lane = thread % kLanes;
  const int warp = thread / kLanes;
  const float* row = rows + static_cast<std::size_t>(blockIdx.x) * columns;
  const int end = kBug == Bug::reads_past_the_end ? columns + 1 : columns;
  float sum = 0;
  for (int i = thread; i < end; i += static_cast<int>(blockDim.x)) sum += row[i];
  sum = warp_sum(sum);
  const int slot = kBug == Bug::shared_index_past_the_end ? warp + kMostWarps : warp;
  if (lane == 0) partial[slot] = sum;
  if (kBug == Bug::barrier_in_a_branch) {
    if (warp == 0) __syncthreads();
  } else if (kBug == Bug::returns_before_a_barrier) {
    if (warp == 1) return;
    __syncthreads();
  } else if (kBug != Bug::missing_barrier) {
    __syncthreads();
  }
  if (warp != 0) return;
  sum = lane < (kBug == Bug::reads_what_nobody_wrote ? kMostWarps : warps) ? partial[lane] : 0.0F;
  sum = warp_sum(sum);
  if (lane == 0) sums[blockIdx.x] = sum;
}

// Neighbours exchange values through shared memory.
template <Bug kBug>
__global__ void __launch_bounds__(256) neighbour(const float* values, float* out) {
  __shared__ float held[256];
  const unsigned thread = threadIdx.x;
  held[thread] = values[thread];
  if (kBug == Bug::shuffle_as_a_fence) {
    static_cast<void>(__shfl_xor_sync(kWholeWarp, 0, 1));
  } else {
    __syncwarp();
  }
  out[thread] = held[thread ^ 1U];
}

template <Bug kBug>
__global__ void warp_operations(const float* values, float* out) {
  const int lane = static_cast<int>(threadIdx.x) % kLanes;
  float value = values[threadIdx.x];
  if (kBug == Bug::lane_outside_the_mask) {
    if (lane < 16) value += __shfl_xor_sync(0xffffU, value, 16);
  } else if (kBug == Bug::caller_outside_the_mask) {
    value += __shfl_xor_sync(0xffffU, value, 1);
  } else if (kBug == Bug::lanes_disagree) {
    if (lane < 16) {
      value += __shfl_xor_sync(kWholeWarp, value, 1);
    } else {
      value += __shfl_xor_sync(kWholeWarp, value, 2);
    }
  } else if (kBug == Bug::lane_has_returned) {
    if (lane == 31) return;
    value += __shfl_xor_sync(kWholeWarp, value, 1);
  } else {
    value += __shfl_xor_sync(kWholeWarp, value, 1);
  }
  out[threadIdx.x] = value;
}

__global__ void four_at_a_time(const float* values, float* out) {
  const float4 four = reinterpret_cast<const float4*>(values)[threadIdx.x % kLanes];
  out[threadIdx.x] = four.x + four.y + four.z + four.w;
}

template <Bug kBug>
__global__ void dynamic_sum(const float* values, float* out) {
  auto* held = dynamic_shared<float>(kBug == Bug::dynamic_memory_too_small ? blockDim.x + 1 : blockDim.x);
  const unsigned next = kBug == Bug::writes_past_dynamic_memory ? threadIdx.x + 1 : threadIdx.x;
  if (kBug != Bug::reads_dynamic_memory_nobody_wrote) held[next] = values[threadIdx.x];
  __syncthreads();
  out[threadIdx.x] = held[next];
}

template <Bug kBug>
void run(const float* values, float* out, int rows, int columns, int block) {
  const LaunchShape by_row{.grid = dim3(static_cast<unsigned>(rows)), .block = dim3(static_cast<unsigned>(block))};
  const LaunchShape one{.grid = dim3(1), .block = dim3(static_cast<unsigned>(block))};
  switch (kBug) {
    case Bug::shuffle_as_a_fence:
    case Bug::none_between_neighbours:
      return launch(neighbour<kBug>, one, nullptr, values, out);
    case Bug::lane_outside_the_mask:
    case Bug::caller_outside_the_mask:
    case Bug::lanes_disagree:
    case Bug::lane_has_returned:
      return launch(warp_operations<kBug>, one, nullptr, values, out);
    case Bug::misaligned_vector:
      return launch(four_at_a_time, one, nullptr, values + 1, out);
    case Bug::dynamic_memory_too_small:
    case Bug::writes_past_dynamic_memory:
    case Bug::reads_dynamic_memory_nobody_wrote: {
      LaunchShape with_memory = one;
      with_memory.shared_bytes = static_cast<std::size_t>(block) * sizeof(float);
      return launch(dynamic_sum<kBug>, with_memory, nullptr, values, out);
    }
    default:
      return launch(row_sum<kBug>, by_row, nullptr, values, out, columns);
  }
}

template <int... kBugs>
void run_one_of(Bug bug, const float* values, float* out, int rows, int columns, int block,
                std::integer_sequence<int, kBugs...>) {
  static_cast<void>(
      ((static_cast<int>(bug) == kBugs ? (run<static_cast<Bug>(kBugs)>(values, out, rows, columns, block), true)
                                       : false) ||
       ...));
}

}  // namespace

void run_planted(Bug bug, const float* values, float* out, int rows, int columns, int block) {
  run_one_of(bug, values, out, rows, columns, block, std::make_integer_sequence<int, static_cast<int>(Bug::count)>{});
}

}  // namespace sotto::kernels::testing

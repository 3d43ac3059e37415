#pragma once
// What a kernel of this project may use of CUDA, for a C++ compiler: keywords, built-in variables, barriers, warp
// operations and a few intrinsics. Types are those of NVIDIA's own headers. What is missing here is not to be used in a
// kernel: __activemask, cooperative groups, asynchronous copies, inline PTX.

#include <sotto/kernels/sim/block.h>

#include <cmath>
#include <cstdint>

#undef __shared__
#if defined(__clang__) && !SOTTO_SIM_ASAN
#define __shared__ __attribute__((section("sotto_shared"))) static
#else
#define __shared__ static
#endif
#undef __launch_bounds__
#define __launch_bounds__(...)

#define threadIdx (::sotto::kernels::sim::Block::now().thread().index)
#define blockIdx (::sotto::kernels::sim::Block::now().index())
#define blockDim (::sotto::kernels::sim::Block::now().size())
#define gridDim (::sotto::kernels::sim::Block::now().grid())
#define warpSize (::sotto::kernels::sim::kWarp)

namespace sotto::kernels::sim {

// The lane `offset` away from this one, or this one itself where that leaves its group of `width` lanes.
inline unsigned lane_within(int to, unsigned self, int width) {
  const int group = static_cast<int>(self) / width * width;
  return to >= group && to < group + width ? static_cast<unsigned>(to) : self;
}

template <class T>
T shuffle(unsigned mask, T value, int from, int width, Place place) {
  Block& block = Block::now();
  const unsigned self = block.thread().lane();
  block.exchange(mask, value, place);
  return Block::now().handed_in<T>(lane_within(from, self, width), mask, place);
}

inline unsigned ballot(unsigned mask, int predicate, Place place) {
  Block& block = Block::now();
  block.exchange(mask, predicate, place);
  unsigned result = 0;
  for (unsigned lane = 0; lane < kWarp; ++lane)
    if ((mask >> lane & 1U) != 0 && block.handed_in<int>(lane, mask, place) != 0) result |= 1U << lane;
  return result;
}

inline int lane_of_this() {
  return static_cast<int>(Block::now().thread().lane());
}

}  // namespace sotto::kernels::sim

// NOLINTBEGIN(bugprone-reserved-identifier): the names are CUDA's.
using sotto_place = ::sotto::kernels::sim::Place;

inline void __syncthreads(sotto_place place = sotto_place::here()) {
  ::sotto::kernels::sim::Block::now().barrier(place);
}
inline void __syncwarp(unsigned mask = 0xffffffffU, sotto_place place = sotto_place::here()) {
  ::sotto::kernels::sim::Block::now().exchange(mask, 0, place, /*ordered=*/true);
}
template <class T>
T __shfl_sync(unsigned mask, T value, int lane, int width = 32, sotto_place place = sotto_place::here()) {
  const int group = ::sotto::kernels::sim::lane_of_this() / width * width;
  return ::sotto::kernels::sim::shuffle(mask, value, group + (lane & (width - 1)), width, place);
}
template <class T>
T __shfl_up_sync(unsigned mask, T value, unsigned delta, int width = 32, sotto_place place = sotto_place::here()) {
  const int from = ::sotto::kernels::sim::lane_of_this() - static_cast<int>(delta);
  return ::sotto::kernels::sim::shuffle(mask, value, from, width, place);
}
template <class T>
T __shfl_down_sync(unsigned mask, T value, unsigned delta, int width = 32, sotto_place place = sotto_place::here()) {
  const int from = ::sotto::kernels::sim::lane_of_this() + static_cast<int>(delta);
  return ::sotto::kernels::sim::shuffle(mask, value, from, width, place);
}
template <class T>
T __shfl_xor_sync(unsigned mask, T value, int bits, int width = 32, sotto_place place = sotto_place::here()) {
  const int from = ::sotto::kernels::sim::lane_of_this() ^ bits;
  return ::sotto::kernels::sim::shuffle(mask, value, from, width, place);
}
inline unsigned __ballot_sync(unsigned mask, int predicate, sotto_place place = sotto_place::here()) {
  return ::sotto::kernels::sim::ballot(mask, predicate, place);
}
inline int __any_sync(unsigned mask, int predicate, sotto_place place = sotto_place::here()) {
  return ::sotto::kernels::sim::ballot(mask, predicate, place) != 0 ? 1 : 0;
}
inline int __all_sync(unsigned mask, int predicate, sotto_place place = sotto_place::here()) {
  return ::sotto::kernels::sim::ballot(mask, predicate, place) == mask ? 1 : 0;
}
template <class T>
T __ldg(const T* address) {
  return *address;
}
inline int __popc(unsigned bits) {
  return __builtin_popcount(bits);
}
// Correctly rounded and never contracted into a multiply-add, as on the device.
inline double __dadd_rn(double a, double b) {
  return a + b;
}
inline double __dmul_rn(double a, double b) {
  return a * b;
}
inline double __dsqrt_rn(double a) {
  return std::sqrt(a);
}
// NOLINTEND(bugprone-reserved-identifier)

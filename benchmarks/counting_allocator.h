#pragma once
// Counts the bytes held through LibTorch's CPU allocator while it is installed.

#include <c10/core/Allocator.h>

#include <cstdint>

namespace sotto::benchmarks {

// Installs itself on construction and restores the allocator that was there on destruction. Tensors made in between may
// outlive it: they carry their own deleter.
class CountingAllocator {
 public:
  CountingAllocator();
  ~CountingAllocator();
  CountingAllocator(const CountingAllocator&) = delete;
  CountingAllocator& operator=(const CountingAllocator&) = delete;

  // Most bytes held at once since construction, of those allocated since then.
  int64_t peak_bytes() const;
  // The same since the last call of this function, for parts of what is measured.
  int64_t take_part_peak_bytes();

 private:
  c10::Allocator* previous_;
  int64_t base_ = 0;  // bytes held at construction
};

}  // namespace sotto::benchmarks

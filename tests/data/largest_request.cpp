#include "largest_request.h"

#include <atomic>
#include <cstdlib>
#include <new>

namespace {
std::atomic<std::size_t> largest{0};
}

// Not in a header: the compiler must not see both ends of these at a place that allocates, or it takes malloc and
// delete for a mismatched pair.
void* operator new(std::size_t size) {
  if (size > largest.load(std::memory_order_relaxed)) largest.store(size, std::memory_order_relaxed);
  if (void* memory = std::malloc(size == 0 ? 1 : size)) return memory;
  throw std::bad_alloc();
}
void operator delete(void* memory) noexcept {
  std::free(memory);
}
void operator delete(void* memory, std::size_t) noexcept {
  std::free(memory);
}

namespace sotto::data::testing {

std::size_t take_largest_request() {
  return largest.exchange(0);
}

}  // namespace sotto::data::testing

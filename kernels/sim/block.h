#pragma once
// Runs a CUDA kernel on the processor: blocks one after the other, the threads of a block as fibers that switch at
// barriers and warp operations, in an order that the schedule says. Stricter than the hardware:
//   __syncthreads    every thread of the block must wait at the same line; a thread that has returned is an error
//   warp operations  the caller is in its mask, every lane of the mask exists and arrives at the same line with the
//                    same mask, and no lane outside of it is read
//   shared memory    holds NaN (all bits set) when a block begins, where the compiler lets it be found (clang), and in
//                    dynamic shared memory always; the latter is a heap block of exactly its size
// A breach is a SimError that names threads and lines. Orders between threads are known to ThreadSanitizer for
// __syncthreads and __syncwarp alone, as in CUDA: shuffles and votes exchange values and order nothing else.
//
// What this cannot show: blocks never run at the same time, speed, and the hardware's own limits and rounding.

#include <cuda_runtime.h>
#include <sotto/kernels/sim/fiber.h>

#include <cstring>
#include <exception>
#include <functional>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

namespace sotto::kernels::sim {

struct SimError : std::logic_error {
  using std::logic_error::logic_error;
};

// The order in which blocks, and the threads of a block, take their turns.
struct Schedule {
  enum class Order { forward, reverse, shuffled };
  Order order = Order::forward;
  unsigned seed = 1;  // of the shuffled order
};

struct Place {
  const char* file;
  unsigned line;
  static constexpr Place here(const char* file = __builtin_FILE(), unsigned line = __builtin_LINE()) {
    return {file, line};
  }
  friend bool operator==(const Place& a, const Place& b) {
    return a.line == b.line && std::strcmp(a.file, b.file) == 0;
  }
};

inline constexpr unsigned kWarp = 32;
inline constexpr unsigned kLargestBlock = 1024;

// What a lane brings to a warp operation.
struct Lane {
  alignas(16) unsigned char bytes[16];
};

struct Thread {
  enum class State { ready, at_barrier, in_warp_operation, returned };
  dim3 index;
  unsigned number = 0;  // in the block, x fastest
  State state = State::ready;
  Place place = {"", 0};  // where it waits
  unsigned mask = 0;      // of the warp operation it waits in
  Fiber fiber;

  unsigned lane() const { return number % kWarp; }
};

class Block {
 public:
  Block(dim3 grid, dim3 size, std::size_t shared_bytes, const std::function<void()>& kernel);

  // Runs the block of this index to its end. Before every turn `shuffle`, if there is one, reorders the threads.
  void run(dim3 index, std::vector<unsigned>& order, const std::function<void(std::vector<unsigned>&)>& shuffle);

  // Of the thread that runs now.
  SOTTO_SIM_UNSEEN static Block& now() {
    if (running_block == nullptr) throw SimError("[sim] device code runs outside of a kernel");
    return *running_block;
  }
  SOTTO_SIM_UNSEEN Thread& thread() { return *running_; }
  SOTTO_SIM_UNSEEN dim3 grid() const { return grid_; }
  SOTTO_SIM_UNSEEN dim3 size() const { return size_; }
  SOTTO_SIM_UNSEEN dim3 index() const { return index_; }

  void barrier(Place place);
  // Hands in a value and returns when all lanes of the mask have done so at this place; what a lane of the mask handed
  // in can then be read until the next of these calls. `ordered`: as __syncwarp, also orders memory.
  template <class T>
  void exchange(unsigned mask, const T& value, Place place, bool ordered = false) {
    static_assert(sizeof(T) <= sizeof(Lane::bytes));
    hand_in(mask, &value, sizeof value, place, ordered);
  }
  template <class T>
  T handed_in(unsigned lane, unsigned mask, Place place) {
    T value;
    take(lane, mask, &value, sizeof value, place);
    return value;
  }
  // The block's dynamic shared memory. SimError when it has fewer bytes.
  void* dynamic_shared(std::size_t bytes);

 private:
  struct Warp {
    Lane arrived[kWarp];
    Lane exchanged[kWarp];
    char order = 0;  // its address stands for __syncwarp
  };

  void hand_in(unsigned mask, const void* value, std::size_t bytes, Place place, bool ordered);
  void take(unsigned lane, unsigned mask, void* value, std::size_t bytes, Place place);
  void wait(Thread::State state, unsigned mask, Place place);
  void run_thread();
  bool release();
  void release_barrier();
  bool release_warp(unsigned warp);
  void prepare_shared_memory();

  static thread_local Block* running_block;
  dim3 grid_, size_, index_;
  std::size_t shared_bytes_;
  const std::function<void()>& kernel_;
  std::vector<Thread> threads_;
  std::vector<Warp> warps_;
  std::unique_ptr<unsigned char[]> shared_;
  Thread* running_ = nullptr;
  std::exception_ptr error_;  // of the thread that `failed_`
  bool failed_ = false;
  char barrier_order_ = 0;  // its address stands for __syncthreads
  char end_order_ = 0;      // and this one for the end of the block
};

// The schedule of the launches of this thread.
inline thread_local Schedule current_schedule;

class WithSchedule {
 public:
  explicit WithSchedule(Schedule schedule) : before_(current_schedule) { current_schedule = schedule; }
  ~WithSchedule() { current_schedule = before_; }
  WithSchedule(const WithSchedule&) = delete;
  WithSchedule& operator=(const WithSchedule&) = delete;

 private:
  Schedule before_;
};

// Runs all blocks of a grid under the current schedule. Throws SimError, or what a thread of the kernel threw.
void run_grid(dim3 grid, dim3 block, std::size_t shared_bytes, const std::function<void()>& kernel);

}  // namespace sotto::kernels::sim

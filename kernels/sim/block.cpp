#include <sotto/kernels/sim/block.h>

#include <algorithm>
#include <random>

#if SOTTO_SIM_FEATURE(memory_sanitizer)
#define SOTTO_SIM_MSAN 1
#include <sanitizer/msan_interface.h>
#endif
#if defined(__clang__) && !SOTTO_SIM_ASAN
// Static shared memory is a section of its own (cuda_builtins.h), so that it can be found.
// NOLINTBEGIN(bugprone-reserved-identifier,readability-identifier-naming): the linker names them.
extern "C" char __start_sotto_shared[] __attribute__((weak));
extern "C" char __stop_sotto_shared[] __attribute__((weak));
// NOLINTEND(bugprone-reserved-identifier,readability-identifier-naming)
#endif

namespace sotto::kernels::sim {
namespace {

using State = Thread::State;

constexpr size_t kThreadsNamed = 6;

[[noreturn]] void fail(const std::string& what) {
  throw SimError("[sim] " + what);
}

std::string text(Place place) {
  return std::string(place.file) + ":" + std::to_string(place.line);
}

std::string describe(const Thread& thread) {
  const std::string name = "thread " + std::to_string(thread.number);
  switch (thread.state) {
    case State::at_barrier:
      return name + " waits in __syncthreads at " + text(thread.place);
    case State::in_warp_operation:
      return name + " waits in a warp operation at " + text(thread.place);
    case State::returned:
      return name + " has returned";
    case State::ready:
      break;
  }
  return name + " runs";
}

// Byte by byte, and unseen by ThreadSanitizer: shuffles order nothing, so that their own copies must not either.
SOTTO_SIM_UNSEEN void copy(void* to, const void* from, std::size_t bytes) {
  for (std::size_t i = 0; i < bytes; ++i)
    static_cast<volatile unsigned char*>(to)[i] = static_cast<const volatile unsigned char*>(from)[i];
}

void release_order([[maybe_unused]] void* address) {
#if SOTTO_SIM_TSAN
  __tsan_release(address);
#endif
}

void acquire_order([[maybe_unused]] void* address) {
#if SOTTO_SIM_TSAN
  __tsan_acquire(address);
#endif
}

void spoil(void* begin, std::size_t bytes) {
#if SOTTO_SIM_MSAN
  __msan_poison(begin, bytes);
#else
  std::memset(begin, 0xff, bytes);  // not a number, as float and as double
#endif
}

}  // namespace

thread_local Block* Block::running_block = nullptr;

Block::Block(dim3 grid, dim3 size, std::size_t shared_bytes, const std::function<void()>& kernel)
    : grid_(grid),
      size_(size),
      shared_bytes_(shared_bytes),
      kernel_(kernel),
      threads_(std::size_t{size.x} * size.y * size.z) {
  warps_.resize((threads_.size() + kWarp - 1) / kWarp);
  for (unsigned t = 0; t < threads_.size(); ++t) {
    threads_[t].number = t;
    threads_[t].index = dim3(t % size.x, t / size.x % size.y, t / (size.x * size.y));
  }
}

void Block::prepare_shared_memory() {
  shared_.reset();
  if (shared_bytes_ > 0) {
    shared_ = std::make_unique<unsigned char[]>(shared_bytes_);
    spoil(shared_.get(), shared_bytes_);
  }
#if defined(__clang__) && !SOTTO_SIM_ASAN
  if (__start_sotto_shared != nullptr)
    spoil(__start_sotto_shared, static_cast<std::size_t>(__stop_sotto_shared - __start_sotto_shared));
#endif
}

void Block::run(dim3 index, std::vector<unsigned>& order, const std::function<void(std::vector<unsigned>&)>& shuffle) {
  struct Current {
    explicit Current(Block* now) : block(now) { running_block = now; }
    ~Current() {
      running_block = nullptr;
      acquire_order(&block->end_order_);  // what follows the block sees what its threads did
    }
    Block* block;
  } const current(this);
  index_ = index;
  prepare_shared_memory();
  release_order(&barrier_order_);  // the threads see what came before them
  for (Thread& thread : threads_) {
    thread.state = State::ready;
    thread.fiber.start([](void* block) { static_cast<Block*>(block)->run_thread(); }, this);
  }
  do {
    if (shuffle) shuffle(order);
    for (const unsigned t : order) {
      if (threads_[t].state != State::ready) continue;
      running_ = &threads_[t];
      running_->fiber.resume();
      if (failed_) {
        acquire_order(&end_order_);
        std::rethrow_exception(error_);
      }
    }
  } while (release());
}

SOTTO_SIM_UNSEEN void Block::run_thread() {
  acquire_order(&barrier_order_);
  try {
    kernel_();
  } catch (...) {
    error_ = std::current_exception();
    failed_ = true;
  }
  release_order(&end_order_);
  running_->state = State::returned;
}

SOTTO_SIM_UNSEEN void Block::wait(State state, unsigned mask, Place place) {
  Thread& thread = *running_;
  thread.state = state;
  thread.mask = mask;
  thread.place = place;
  release_order(&end_order_);  // an error may end the block here
  thread.fiber.pause();
}

// Lets those threads go on that have what they wait for; false when all have returned.
bool Block::release() {
  const auto count = [&](State state) {
    return std::ranges::count_if(threads_, [&](const Thread& thread) { return thread.state == state; });
  };
  if (count(State::returned) == std::ssize(threads_)) return false;
  if (count(State::in_warp_operation) == 0) {
    release_barrier();
    return true;
  }
  bool any = false;
  for (unsigned w = 0; w < warps_.size(); ++w) any = release_warp(w) || any;
  if (!any) {
    std::string what = "no thread can go on:";
    size_t named = 0;
    for (const Thread& thread : threads_) {
      if (thread.state != State::returned && named++ < kThreadsNamed)
        what += (named > 1 ? "; " : " ") + describe(thread);
    }
    fail(what);
  }
  return true;
}

void Block::release_barrier() {
  const auto waits = [](const Thread& thread) { return thread.state == State::at_barrier; };
  const Thread& first = *std::ranges::find_if(threads_, waits);
  for (const Thread& thread : threads_) {
    if (!waits(thread) || !(thread.place == first.place))
      fail("__syncthreads is not reached by the whole block: " + describe(first) + ", " + describe(thread));
  }
  for (Thread& thread : threads_) thread.state = State::ready;
}

bool Block::release_warp(unsigned warp) {
  const unsigned begin = warp * kWarp;
  const unsigned lanes = std::min<unsigned>(kWarp, static_cast<unsigned>(threads_.size()) - begin);
  bool any = false;
  for (unsigned l = 0; l < lanes; ++l) {
    const Thread& thread = threads_[begin + l];
    if (thread.state != State::in_warp_operation) continue;
    unsigned here = 0;
    for (unsigned k = 0; k < kWarp; ++k) {
      if ((thread.mask >> k & 1U) == 0) continue;
      if (k >= lanes || threads_[begin + k].state == State::returned)
        fail("the mask of a warp operation names lane " + std::to_string(k) + ", which " +
             (k >= lanes ? "does not exist" : "has returned") + ": " + describe(thread));
      const Thread& other = threads_[begin + k];
      if (other.state == State::in_warp_operation && other.mask == thread.mask && other.place == thread.place)
        here |= 1U << k;
    }
    if (here != thread.mask) continue;
    any = true;
    for (unsigned k = 0; k < lanes; ++k) {
      if ((here >> k & 1U) == 0) continue;
      threads_[begin + k].state = State::ready;
      warps_[warp].exchanged[k] = warps_[warp].arrived[k];
    }
  }
  return any;
}

SOTTO_SIM_UNSEEN void Block::barrier(Place place) {
  release_order(&barrier_order_);
  wait(State::at_barrier, 0, place);
  acquire_order(&barrier_order_);
}

SOTTO_SIM_UNSEEN void Block::hand_in(unsigned mask, const void* value, std::size_t bytes, Place place, bool ordered) {
  Thread& thread = *running_;
  Warp& warp = warps_[thread.number / kWarp];
  if ((mask >> thread.lane() & 1U) == 0)
    fail("thread " + std::to_string(thread.number) + " is not in the mask of its warp operation at " + text(place));
  copy(warp.arrived[thread.lane()].bytes, value, bytes);
  if (ordered) release_order(&warp.order);
  wait(State::in_warp_operation, mask, place);
  if (ordered) acquire_order(&warp.order);
}

SOTTO_SIM_UNSEEN void Block::take(unsigned lane, unsigned mask, void* value, std::size_t bytes, Place place) {
  if (lane >= kWarp || (mask >> lane & 1U) == 0)
    fail("lane " + std::to_string(lane) + " is read, which is outside of the mask of the warp operation at " +
         text(place));
  copy(value, warps_[running_->number / kWarp].exchanged[lane].bytes, bytes);
}

SOTTO_SIM_UNSEEN void* Block::dynamic_shared(std::size_t bytes) {
  if (bytes > shared_bytes_)
    fail("a thread uses " + std::to_string(bytes) + " bytes of dynamic shared memory; the launch gave " +
         std::to_string(shared_bytes_));
  return shared_.get();
}

void run_grid(dim3 grid, dim3 size, std::size_t shared_bytes, const std::function<void()>& kernel) {
  const Schedule schedule = current_schedule;
  std::mt19937 random(schedule.seed);
  std::vector<unsigned> blocks(static_cast<size_t>(grid.x) * grid.y * grid.z);
  std::vector<unsigned> threads(static_cast<size_t>(size.x) * size.y * size.z);
  for (auto* order : {&blocks, &threads}) {
    for (unsigned i = 0; i < order->size(); ++i) (*order)[i] = i;
    if (schedule.order == Schedule::Order::reverse) std::ranges::reverse(*order);
  }
  std::function<void(std::vector<unsigned>&)> shuffle;
  if (schedule.order == Schedule::Order::shuffled) {
    shuffle = [&random](std::vector<unsigned>& order) { std::ranges::shuffle(order, random); };
    shuffle(blocks);
  }
  Block block(grid, size, shared_bytes, kernel);
  for (const unsigned b : blocks)
    block.run(dim3(b % grid.x, b / grid.x % grid.y, b / (grid.x * grid.y)), threads, shuffle);
}

}  // namespace sotto::kernels::sim

#pragma once
// A function on a stack of its own that can pause and be resumed, known to AddressSanitizer and ThreadSanitizer.
//
// ThreadSanitizer is told of the switches but of no order between them: what one fiber wrote and another reads without
// a barrier in between is a race, although they run one after the other.

#include <boost/context/detail/fcontext.hpp>
#include <cstddef>
#include <memory>

#if defined(__has_feature)
#define SOTTO_SIM_FEATURE(name) __has_feature(name)
#else
#define SOTTO_SIM_FEATURE(name) 0
#endif
#if defined(__SANITIZE_ADDRESS__) || SOTTO_SIM_FEATURE(address_sanitizer)
#define SOTTO_SIM_ASAN 1
#include <sanitizer/common_interface_defs.h>
#endif
#if defined(__SANITIZE_THREAD__) || SOTTO_SIM_FEATURE(thread_sanitizer)
#define SOTTO_SIM_TSAN 1
#include <sanitizer/tsan_interface.h>
#endif
// What the executor does on behalf of the hardware is no access of a kernel.
#if SOTTO_SIM_TSAN
#define SOTTO_SIM_UNSEEN __attribute__((no_sanitize("thread"), noinline))
#else
#define SOTTO_SIM_UNSEEN
#endif

namespace sotto::kernels::sim {

class Fiber {
 public:
  using Function = void (*)(void* argument);

  Fiber() = default;
  Fiber(const Fiber&) = delete;
  Fiber& operator=(const Fiber&) = delete;
  ~Fiber() { forget(); }

  // Makes `function` ready to run; a fiber that has not ended is abandoned, its stack is not unwound.
  void start(Function function, void* argument) {
    forget();
    if (!stack_) stack_ = std::make_unique_for_overwrite<std::byte[]>(kStackBytes);
    function_ = function;
    argument_ = argument;
    ended_ = false;
    own_ = boost::context::detail::make_fcontext(stack_.get() + kStackBytes, kStackBytes, &Fiber::enter);
#if SOTTO_SIM_TSAN
    tsan_ = __tsan_create_fiber(0);
#endif
  }

  // Runs it until it pauses or ends.
  SOTTO_SIM_UNSEEN void resume() {
#if SOTTO_SIM_ASAN
    void* fake_stack = nullptr;
    __sanitizer_start_switch_fiber(&fake_stack, stack_.get(), kStackBytes);
#endif
#if SOTTO_SIM_TSAN
    tsan_caller_ = __tsan_get_current_fiber();
    __tsan_switch_to_fiber(tsan_, __tsan_switch_to_fiber_no_sync);
#endif
    own_ = boost::context::detail::jump_fcontext(own_, this).fctx;
#if SOTTO_SIM_ASAN
    __sanitizer_finish_switch_fiber(fake_stack, nullptr, nullptr);
#endif
  }

  // From inside: back to whoever resumed it.
  SOTTO_SIM_UNSEEN void pause() {
#if SOTTO_SIM_ASAN
    void* fake_stack = nullptr;
    __sanitizer_start_switch_fiber(ended_ ? nullptr : &fake_stack, caller_stack_, caller_stack_bytes_);
#endif
#if SOTTO_SIM_TSAN
    __tsan_switch_to_fiber(tsan_caller_, __tsan_switch_to_fiber_no_sync);
#endif
    caller_ = boost::context::detail::jump_fcontext(caller_, nullptr).fctx;
#if SOTTO_SIM_ASAN
    __sanitizer_finish_switch_fiber(fake_stack, &caller_stack_, &caller_stack_bytes_);
#endif
  }

  bool ended() const {
    return ended_;
  }

 private:
  static constexpr std::size_t kStackBytes = 64 << 10;

  SOTTO_SIM_UNSEEN static void enter(boost::context::detail::transfer_t from) {
    auto* self = static_cast<Fiber*>(from.data);
    self->caller_ = from.fctx;
#if SOTTO_SIM_ASAN
    __sanitizer_finish_switch_fiber(nullptr, &self->caller_stack_, &self->caller_stack_bytes_);
#endif
    self->function_(self->argument_);
    self->ended_ = true;
    self->pause();
  }

  void forget() {
#if SOTTO_SIM_TSAN
    if (tsan_ != nullptr) __tsan_destroy_fiber(tsan_);
    tsan_ = nullptr;
#endif
  }

  std::unique_ptr<std::byte[]> stack_;
  Function function_ = nullptr;
  void* argument_ = nullptr;
  bool ended_ = true;
  boost::context::detail::fcontext_t own_ = nullptr;
  boost::context::detail::fcontext_t caller_ = nullptr;
#if SOTTO_SIM_ASAN
  const void* caller_stack_ = nullptr;
  std::size_t caller_stack_bytes_ = 0;
#endif
#if SOTTO_SIM_TSAN
  void* tsan_ = nullptr;
  void* tsan_caller_ = nullptr;
#endif
};

}  // namespace sotto::kernels::sim

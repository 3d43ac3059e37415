#include <sotto/tools/slow_notice.h>

#include <chrono>
#include <ostream>
#include <utility>

namespace sotto::tools {
namespace {

constexpr std::chrono::seconds kSlow{2};

}  // namespace

SlowNotice::SlowNotice(std::ostream& stream, std::string text)
    : thread_([this, &stream, line = std::move(text)] {
        std::unique_lock lock(mutex_);
        if (!changed_.wait_for(lock, kSlow, [this] { return done_; })) stream << line << std::endl;
      }) {}

SlowNotice::~SlowNotice() {
  {
    const std::lock_guard lock(mutex_);
    done_ = true;
  }
  changed_.notify_all();
  thread_.join();
}

}  // namespace sotto::tools

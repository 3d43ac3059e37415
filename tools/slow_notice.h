#pragma once
// A line for people about work that takes unusually long, so that a program that hangs says in what.

#include <condition_variable>
#include <iosfwd>
#include <mutex>
#include <string>
#include <thread>

namespace sotto::tools {

// Writes `text` as a line to `stream` when it has lived for two seconds; meanwhile nobody else may write there.
class SlowNotice {
 public:
  SlowNotice(std::ostream& stream, std::string text);
  ~SlowNotice();
  SlowNotice(const SlowNotice&) = delete;
  SlowNotice& operator=(const SlowNotice&) = delete;

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  bool done_ = false;
  std::thread thread_;
};

}  // namespace sotto::tools

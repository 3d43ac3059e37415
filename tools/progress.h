#pragma once
// How far a run is: a bar that is redrawn on a terminal, a plain line now and then elsewhere. Shows the number of
// steps, their speed, the time left and the epsilon spent, and nothing that was computed from records.

#include <chrono>
#include <cstdint>
#include <functional>
#include <iosfwd>
#include <optional>
#include <string>

namespace sotto::tools {

class Progress {
 public:
  // `done` of `total` steps were taken before. `unit` is what a step is called.
  Progress(std::ostream& stream, bool terminal, int64_t done, int64_t total, std::string unit = "step");
  ~Progress();
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  // Called after every step. `spent` makes the text about epsilon; it is called only when something is drawn, at most
  // five times a second.
  void step(int64_t done, const std::function<std::string()>& spent);
  // A line of its own above the bar.
  void line(const std::string& text);

 private:
  using Clock = std::chrono::steady_clock;
  void clear();

  std::ostream& stream_;
  bool terminal_;
  int64_t first_;
  int64_t total_;
  std::string unit_;
  Clock::time_point start_;
  std::optional<Clock::time_point> shown_;
  bool bar_ = false;
};

}  // namespace sotto::tools

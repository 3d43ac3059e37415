#include <fmt/format.h>
#include <sotto/tools/progress.h>

#include <algorithm>
#include <cmath>
#include <ostream>
#include <utility>

namespace sotto::tools {
namespace {

constexpr std::chrono::milliseconds kRedraw{500};  // an epsilon takes some milliseconds
constexpr std::chrono::seconds kPlainLine{10};
constexpr int64_t kBarWidth = 24;

std::string duration(double seconds) {
  const int64_t whole = std::llround(seconds);
  if (whole >= 3600) return fmt::format("{}:{:02}:{:02}", whole / 3600, whole / 60 % 60, whole % 60);
  return fmt::format("{}:{:02}", whole / 60, whole % 60);
}

}  // namespace

Progress::Progress(std::ostream& stream, bool terminal, int64_t done, int64_t total, std::string unit)
    : stream_(stream), terminal_(terminal), first_(done), total_(total), unit_(std::move(unit)), start_(Clock::now()) {}

Progress::~Progress() {
  clear();
}

void Progress::clear() {
  if (bar_) stream_ << "\r\033[K" << std::flush;
  bar_ = false;
}

void Progress::step(int64_t done, const std::function<std::string()>& spent) {
  const auto now = Clock::now();
  const Clock::duration interval = terminal_ ? Clock::duration(kRedraw) : Clock::duration(kPlainLine);
  if (now - shown_.value_or(start_) < interval) return;
  shown_ = now;
  const double seconds = std::chrono::duration<double>(now - start_).count();
  const double speed = static_cast<double>(done - first_) / seconds;
  const double left = static_cast<double>(total_ - done) / speed;
  const std::string pace =
      speed < 1 ? fmt::format("{:.1f} s/{}", 1 / speed, unit_) : fmt::format("{:.1f} {}s/s", speed, unit_);
  const std::string text =
      fmt::format("{} {} of {}, {}, {} left{}", unit_, done, total_, pace, speed > 0 ? duration(left) : "?", spent());
  if (!terminal_) {
    stream_ << text << std::endl;
    return;
  }
  const auto filled = static_cast<size_t>(std::clamp<int64_t>(kBarWidth * done / total_, 0, kBarWidth));
  stream_ << "\r\033[K[" << std::string(filled, '#') << std::string(kBarWidth - filled, '.') << "] " << text
          << std::flush;
  bar_ = true;
}

void Progress::line(const std::string& text) {
  clear();
  stream_ << text << std::endl;
}

}  // namespace sotto::tools

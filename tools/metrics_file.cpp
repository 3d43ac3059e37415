#include <fcntl.h>
#include <fmt/format.h>
#include <sotto/privacy/atomic_file.h>
#include <sotto/privacy/error.h>
#include <sotto/privacy/event.h>
#include <sotto/tools/file_text.h>
#include <sotto/tools/learning_curve.h>
#include <sotto/tools/metrics_file.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string>

namespace sotto::tools {
namespace {

// Bytes of the complete lines.
off_t complete(int file, off_t size) {
  char last = '\n';
  while (size > 0 && ::pread(file, &last, 1, size - 1) == 1 && last != '\n') --size;
  return size;
}

// 0 where there is none.
std::int64_t count_of(const nlohmann::json& line, const char* name) {
  const auto found = line.find(name);
  if (found == line.end() || !found->is_number_integer()) return 0;
  if (found->is_number_unsigned() && found->get<std::uint64_t>() > static_cast<std::uint64_t>(privacy::kMaxCount))
    throw DataError(fmt::format("[metrics.jsonl] {} {}: no run reaches that", name, found->get<std::uint64_t>()));
  return found->get<std::int64_t>();
}

}  // namespace

ToldByMetrics told_by_metrics(const std::filesystem::path& path) {
  ToldByMetrics told;
  std::istringstream lines(file_text(path));
  for (std::string line; std::getline(lines, line) && !lines.eof();) {
    const auto json = nlohmann::json::parse(line, nullptr, false);
    if (!json.is_object()) continue;
    const std::int64_t step = count_of(json, "step");
    told.goes_back = told.goes_back || step < told.step;
    told.step = std::max(told.step, step);
    told.evaluation = std::max(told.evaluation, count_of(json, kPrivateEvaluation));
  }
  return told;
}

void append_metrics(const std::filesystem::path& path, std::string_view line) {
  const int file = ::open(path.c_str(), O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC, 0644);
  bool written = file >= 0;
  if (written) {
    const off_t size = ::lseek(file, 0, SEEK_END), whole = complete(file, size);
    written = size >= 0 && (whole == size || ::ftruncate(file, whole) == 0) &&
              privacy::write_fully(file, std::string(line) + "\n") && ::fdatasync(file) == 0;
    written = ::close(file) == 0 && written;
  }
  if (!written)
    throw IoError(
        fmt::format("[train] cannot write to {}: {}; is the disk full?", path.string(), std::strerror(errno)));
}

}  // namespace sotto::tools

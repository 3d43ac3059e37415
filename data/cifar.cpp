#include <fmt/format.h>
#include <sotto/data/cifar.h>
#include <sotto/data/input_file.h>
#include <sotto/privacy/error.h>

#include <array>

namespace sotto::data {
namespace {

constexpr std::int64_t kSide = 32, kChannels = 3;
constexpr int kClasses = 10;
constexpr std::size_t kPixels = kSide * kSide * kChannels;

[[noreturn]] void refuse(const std::filesystem::path& path, const std::string& what) {
  throw DataError(fmt::format("[read_cifar10] {}: {}", path.string(), what));
}

}  // namespace

LabelledImages read_cifar10(std::span<const std::filesystem::path> files, std::int64_t max_bytes) {
  if (files.empty()) throw UsageError("[read_cifar10] no file is given");
  LabelledImages result{.count = 0,
                        .height = kSide,
                        .width = kSide,
                        .classes = kClasses,
                        .pixels = {},
                        .labels = {},
                        .channels = kChannels};
  for (const std::filesystem::path& path : files) {
    InputFile file(path);
    std::array<std::uint8_t, 1 + kPixels> record{};
    std::int64_t number = 0;
    while (const std::size_t got = file.read(record)) {
      if (got < record.size())
        refuse(path, fmt::format("record {} is cut short: {} bytes of {}", number, got, record.size()));
      if (record[0] >= kClasses)
        refuse(path, fmt::format("the label of record {} is out of range; 0 to {} are allowed", number, kClasses - 1));
      if (result.count >= max_bytes / static_cast<std::int64_t>(kPixels))
        refuse(path, fmt::format("more than the limit of {} bytes in all", max_bytes));
      result.labels.push_back(record[0]);
      result.pixels.insert(result.pixels.end(), record.begin() + 1, record.end());
      ++result.count;
      ++number;
    }
    if (number == 0) refuse(path, "the file is empty");
  }
  return result;
}

}  // namespace sotto::data

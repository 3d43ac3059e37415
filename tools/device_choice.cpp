#include <fmt/format.h>
#include <sotto/kernels/cuda_backend.h>
#include <sotto/privacy/error.h>
#include <sotto/tools/device_choice.h>
#include <sotto/tools/library_path.h>

#include <algorithm>
#include <ostream>
#include <string_view>

namespace sotto::tools {
namespace {

constexpr std::string_view kCuda = "cuda";
constexpr size_t kMostDigits = 3;  // LibTorch counts devices in 8 bits

// Nothing for a text that does not name a CUDA device.
std::optional<int> cuda_index(const std::string& text) {
  if (text == kCuda) return 0;
  if (!text.starts_with("cuda:")) return std::nullopt;
  const std::string digits = text.substr(kCuda.size() + 1);
  const bool number = !digits.empty() && digits.size() <= kMostDigits &&
                      std::all_of(digits.begin(), digits.end(), [](char c) { return c >= '0' && c <= '9'; });
  if (!number || std::stoi(digits) > 127) return std::nullopt;
  return std::stoi(digits);
}

Device cuda_device(int index) {
  const auto kernels = find_library(kernels::kCudaLibrary);
  if (!kernels)
    throw UsageError(
        fmt::format("[--device] CUDA devices need {}, which is in none of: {}; build sotto with the preset cuda, or "
                    "run on the processor (--device cpu)",
                    kernels::kCudaLibrary, library_folders()));
  try {
    kernels::open_cuda_backend(kernels->string()).use_device(index);
  } catch (const kernels::DeviceError& error) {
    throw UsageError(error.what());
  }
  return {.name = fmt::format("cuda:{}", index), .kernels = *kernels};
}

}  // namespace

void check_device(const std::string& text) {
  if (text != "cpu" && text != "auto" && !cuda_index(text))
    throw UsageError(fmt::format("[--device] unknown value: '{}'; allowed are cpu, cuda, cuda:N, auto", text));
}

Device choose_device(const std::string& text, std::ostream& err) {
  check_device(text);
  if (text == "cpu") return {};
  if (text != "auto") return cuda_device(*cuda_index(text));
  try {
    Device device = cuda_device(0);
    device.automatic = true;
    return device;
  } catch (const UsageError& error) {
    say_processor(error.what(), err);
    return {};
  }
}

void say_processor(const std::string& why, std::ostream& err) {
  err << fmt::format("sotto: note: --device auto runs on the processor: {}\n", why);
}

}  // namespace sotto::tools

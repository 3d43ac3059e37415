#pragma once
// --device: where a command computes, chosen before LibTorch is loaded.

#include <filesystem>
#include <iosfwd>
#include <optional>
#include <string>

namespace sotto::tools {

inline constexpr const char* kDeviceHelp =
    "cpu, cuda, cuda:N, or auto (cuda where there is a device); CUDA has run on one NVIDIA H200 only: see README";

// A device that is there.
struct Device {
  std::string name = "cpu";       // or cuda:N
  std::filesystem::path kernels;  // of a CUDA device, the library of kernels/cuda_backend.h
  bool automatic = false;         // the processor will do
};

// Throws UsageError unless the text is cpu, cuda, cuda:N or auto.
void check_device(const std::string& text);

// The device of --device. For cuda and cuda:N opens the library of kernels and asks for the device; throws UsageError
// with what is missing: the library, a driver, a device. auto takes the processor then, and says so on `err`.
Device choose_device(const std::string& text, std::ostream& err);

// Says on `err` that auto takes the processor, and why.
void say_processor(const std::string& why, std::ostream& err);

}  // namespace sotto::tools

#include <ATen/Context.h>
#include <dlfcn.h>
#include <fmt/format.h>
#include <sotto/optim/generator.h>
#include <sotto/privacy/error.h>
#include <sotto/tools/run_device.h>

#include <filesystem>

namespace sotto::tools {
namespace {

constexpr const char* kCudaLibtorch = "libtorch_cuda.so";

// Of the LibTorch that this library is linked to.
std::filesystem::path libtorch_folder() {
  Dl_info info{};
  SOTTO_ASSERT(::dladdr(reinterpret_cast<void*>(&at::globalContext), &info) != 0 && info.dli_fname != nullptr);
  return std::filesystem::path(info.dli_fname).parent_path();
}

void load_cuda_libtorch() {
  const std::filesystem::path path = libtorch_folder() / kCudaLibtorch;
  // Never closed, and with its symbols for everyone: it registers its operators with LibTorch.
  if (::dlopen(path.c_str(), RTLD_NOW | RTLD_GLOBAL) == nullptr)
    throw UsageError(
        fmt::format("[--device] the CUDA part of LibTorch cannot be loaded: {}; install the whole of LibTorch with "
                    "CUDA's libraries, or run on the processor (--device cpu)",
                    ::dlerror()));
}

optim::StepDevice cuda_device(const Device& device) {
  load_cuda_libtorch();
  const at::Device where(device.name);
  if (!at::globalContext().hasCUDA())
    throw UsageError(
        fmt::format("[--device] LibTorch does not see {}, though the driver shows it; run on the processor (--device "
                    "cpu)",
                    device.name));
  at::globalContext().lazyInitDevice(at::kCUDA);
  optim::include_generator_of(where);
  return {kernels::open_cuda_backend(device.kernels.string()), where};
}

}  // namespace

optim::StepDevice run_device(const Device& device, std::ostream& err) {
  if (device.kernels.empty()) return {};
  try {
    return cuda_device(device);
  } catch (const UsageError& error) {
    if (!device.automatic) throw;
    say_processor(error.what(), err);
    return {};
  }
}

}  // namespace sotto::tools

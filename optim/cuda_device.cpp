#include <ATen/Context.h>
#include <dlfcn.h>
#include <fmt/format.h>
#include <sotto/optim/cuda_device.h>
#include <sotto/optim/generator.h>
#include <sotto/privacy/error.h>

#include <filesystem>

namespace sotto::optim {
namespace {

constexpr const char* kCudaLibtorch = "libtorch_cuda.so";

std::filesystem::path libtorch_folder() {
  Dl_info info{};
  SOTTO_ASSERT(::dladdr(reinterpret_cast<void*>(&at::globalContext), &info) != 0 && info.dli_fname != nullptr);
  return std::filesystem::path(info.dli_fname).parent_path();
}

}  // namespace

StepDevice cuda_device(const std::string& library, int index) {
  const kernels::CudaBackend& table = kernels::open_cuda_backend(library);
  table.use_device(index);
  // Never closed, and with its symbols for everyone: it registers its operators with LibTorch.
  const std::filesystem::path path = libtorch_folder() / kCudaLibtorch;
  if (::dlopen(path.c_str(), RTLD_NOW | RTLD_GLOBAL) == nullptr)
    throw UsageError(
        fmt::format("[cuda] the CUDA part of LibTorch cannot be loaded: {}; install the whole of LibTorch with CUDA's "
                    "libraries, or run on the processor",
                    ::dlerror()));
  const at::Device where(at::kCUDA, static_cast<at::DeviceIndex>(index));
  if (!at::globalContext().hasCUDA())
    throw UsageError(
        fmt::format("[cuda] LibTorch does not see {}, though the driver shows it; open the device before anything else "
                    "is asked of LibTorch, or run on the processor",
                    where.str()));
  at::globalContext().lazyInitDevice(at::kCUDA);
  include_generator_of(where);
  return {table, where};
}

}  // namespace sotto::optim

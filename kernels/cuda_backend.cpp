#include <dlfcn.h>
#include <sotto/kernels/cuda_backend.h>

namespace sotto::kernels {

const CudaBackend& open_cuda_backend(const std::string& path) {
  void* library = ::dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr)
    throw DeviceError("[cuda] the kernels for CUDA devices cannot be loaded: " + std::string(::dlerror()) +
                      "; build sotto with the preset cuda, or run on the processor");
  auto* function = reinterpret_cast<CudaBackendFunction*>(::dlsym(library, kCudaBackendSymbol));
  if (function == nullptr)
    throw DeviceError("[cuda] " + path + " is not sotto's library of CUDA kernels: it has no " + kCudaBackendSymbol);
  const CudaBackend* backend = function();
  if (backend->interface != kCudaInterface || backend->bytes != sizeof(CudaBackend))
    throw DeviceError("[cuda] " + path + " belongs to another release of sotto: its interface is " +
                      std::to_string(backend->interface) + " of " + std::to_string(backend->bytes) +
                      " bytes; must be " + std::to_string(kCudaInterface) + " of " +
                      std::to_string(sizeof(CudaBackend)));
  return *backend;
}

}  // namespace sotto::kernels

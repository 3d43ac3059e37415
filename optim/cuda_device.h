#pragma once
// A CUDA device for private steps, with the CUDA part of the LibTorch that this program is linked to.

#include <sotto/optim/step_device.h>

#include <string>

namespace sotto::optim {

// Opens the library of kernels (libsotto_cuda.so, a path or a name that the loader finds) and libtorch_cuda.so beside
// the libtorch_cpu.so in use, and includes the device's generator in those of generator.h. Before anything else is
// asked of LibTorch: it looks for its CUDA part once. index: 0 to 127.
// Throws DeviceError when the kernels cannot be loaded or see no such device, UsageError when LibTorch cannot.
StepDevice cuda_device(const std::string& library, int index);

}  // namespace sotto::optim

#pragma once
// The device that a test runs its private steps on.
//
// By default the processor. With SOTTO_TEST_EXECUTOR in the environment, the path of the executor of kernels/sim, it
// runs the launchers of that library, which work on the processor's memory; with SOTTO_TEST_KERNELS, the path of
// libsotto_cuda.so, the device cuda:0 of this machine.

#include <ATen/Context.h>
#include <gtest/gtest.h>
#include <sotto/optim/cuda_device.h>

#include <cstdlib>
#include <vector>

namespace sotto::optim::testing {

inline const char* kernels_of_device() {
  return std::getenv("SOTTO_TEST_KERNELS");
}

// Throws DeviceError or UsageError where the machine has no such device.
inline const StepDevice& device_under_test() {
  static const StepDevice device = [] {
    if (const char* kernels = kernels_of_device()) {
      const StepDevice real = cuda_device(kernels, 0);
      // What the steps are compared with is LibTorch's own work, which must be in full precision too.
      for (const at::Float32Op op : {at::Float32Op::MATMUL, at::Float32Op::CONV, at::Float32Op::RNN})
        at::globalContext().setFloat32Precision(at::Float32Backend::CUDA, op, at::Float32Precision::IEEE);
      return real;
    }
    if (const char* executor = std::getenv("SOTTO_TEST_EXECUTOR"))
      return StepDevice(kernels::open_cuda_backend(executor), at::kCPU);
    return StepDevice();
  }();
  return device;
}

// LibTorch looks for its CUDA part once: here, before any static object or test asks it for something. Where that
// fails, need_device() says why.
inline const bool kAskedInTime = [] {
  try {
    return device_under_test().where().is_cuda();
  } catch (const std::exception&) {
    return false;
  }
}();

// Moves what a model is made of to the device under test. Tensors stay the objects that they are, wherever they are
// captured.
inline void move_in_place(const at::Tensor& tensor) {
  if (tensor.device() != device_under_test().where()) tensor.set_data(tensor.to(device_under_test().where()));
}
inline std::vector<at::Tensor> moved(std::vector<at::Tensor> tensors) {
  for (at::Tensor& tensor : tensors) tensor = tensor.to(device_under_test().where());
  return tensors;
}

// For SetUp(): skips the test on a machine without the device that was asked for.
inline void need_device() {
  try {
    device_under_test();
  } catch (const kernels::DeviceError& error) {
    if (std::getenv("SOTTO_TEST_DEVICE_MUST_BE_THERE") != nullptr) FAIL() << error.what();
    GTEST_SKIP() << error.what();
  }
}

}  // namespace sotto::optim::testing

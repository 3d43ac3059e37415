#pragma once
// The error of everything that has to do with a device.

#include <stdexcept>

namespace sotto::kernels {

// A device that is not there or cannot be used, or a call of CUDA that failed. The message is one sentence that a user
// can act on.
struct DeviceError : std::runtime_error {
  using std::runtime_error::runtime_error;
};

}  // namespace sotto::kernels

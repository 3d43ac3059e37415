#pragma once
// The device of a job, on LibTorch's side.

#include <sotto/optim/step_device.h>
#include <sotto/tools/device_choice.h>

#include <iosfwd>

namespace sotto::tools {

// For a CUDA device opens the CUDA library of the LibTorch in use and the library of kernels. Before anything else is
// asked of LibTorch: it looks for its CUDA part once. Throws UsageError when that cannot be loaded or shows no device;
// where the processor will do, says so on `err` and takes it.
optim::StepDevice run_device(const Device& device, std::ostream& err);

}  // namespace sotto::tools

#include <sotto/optim/cuda_device.h>
#include <sotto/privacy/error.h>
#include <sotto/tools/run_device.h>

namespace sotto::tools {

optim::StepDevice run_device(const Device& device, std::ostream& err) {
  if (device.kernels.empty()) return {};
  try {
    return optim::cuda_device(device.kernels.string(), at::Device(device.name).index());
  } catch (const UsageError& error) {
    if (!device.automatic) throw;
    say_processor(error.what(), err);
  } catch (const kernels::DeviceError& error) {
    if (!device.automatic) throw UsageError(error.what());
    say_processor(error.what(), err);
  }
  return {};
}

}  // namespace sotto::tools

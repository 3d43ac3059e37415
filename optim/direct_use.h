#pragma once
// Parameters whose per-record gradient is small enough to be computed at once as a reduction of the output gradient:
// biases and the scales and shifts of normalisation layers.

#include <sotto/optim/parameter_use.h>

#include <functional>
#include <memory>

namespace sotto::optim {

// `rows` maps the output gradient to the per-record gradients [B, N].
std::unique_ptr<ParameterUse> make_direct_use(std::function<at::Tensor(const at::Tensor& output_gradient)> rows);

// The same for rows that come from a kernel of the step's device.
using DeviceRows = std::function<at::Tensor(const StepDevice& device, const at::Tensor& output_gradient)>;
std::unique_ptr<ParameterUse> make_device_use(DeviceRows rows);

// A parameter of sizes `sizes` that was broadcast onto the output and added: the output gradient summed over positions.
std::unique_ptr<ParameterUse> make_bias_use(at::IntArrayRef sizes, BatchPosition output, int64_t batch, double scale);

// A parameter with one element per channel (dimension 1) that was added to an output whose batch is in dimension 0.
std::unique_ptr<ParameterUse> make_channel_bias_use(BatchPosition output, int64_t batch);

}  // namespace sotto::optim

#pragma once
// One call of LibTorch's engine along the data path of a recorded model. Part of the tape, not for users.

#include <sotto/optim/recorder.h>
#include <sotto/optim/step_device.h>
#include <torch/csrc/autograd/edge.h>
#include <torch/csrc/autograd/variable.h>

#include <cstddef>
#include <functional>

namespace sotto::optim {

// Sends `gradients` backwards from `roots`, and gives every use of the recording the gradient of its operator's output,
// divided by the loss scale, in sum_dtype() of the parameter, on `device`, as soon as the engine has it; `bound` is
// then called with the use's number. A use that none reaches loses its rule. Returns the gradient at each of the edges
// `further`, undefined where none arrives. No weight gradient is computed, and no gradient is held for longer than the
// engine or a use needs it, but for those where the data path ends. Throws UsageError for a use whose gradient is no
// real number, and what `bound` throws.
torch::autograd::variable_list run_backward(Recording& recording, const std::vector<NamedParameter>& parameters,
                                            double loss_scale, const StepDevice& device,
                                            const torch::autograd::edge_list& roots,
                                            const torch::autograd::variable_list& gradients,
                                            const torch::autograd::edge_list& further,
                                            const std::function<void(size_t use)>& bound);

}  // namespace sotto::optim

#pragma once
// Scales and shifts of normalisation layers. Each returns nullptr for an argument that is neither.

#include <sotto/optim/parameter_use.h>

#include <memory>

namespace sotto::optim {

std::unique_ptr<ParameterUse> layer_norm_use(const OperatorCall& call, size_t argument, BatchPosition output);
std::unique_ptr<ParameterUse> rms_norm_use(const OperatorCall& call, size_t argument, BatchPosition output);
std::unique_ptr<ParameterUse> group_norm_use(const OperatorCall& call, size_t argument, BatchPosition output);
std::unique_ptr<ParameterUse> batch_norm_use(const OperatorCall& call, size_t argument, BatchPosition output);
std::unique_ptr<ParameterUse> instance_norm_use(const OperatorCall& call, size_t argument, BatchPosition output);

}  // namespace sotto::optim

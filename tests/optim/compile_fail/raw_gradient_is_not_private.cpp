// A gradient of autograd cannot be passed off as a private one.
#include <ATen/core/Tensor.h>
#include <sotto/optim/private_gradient.h>

sotto::optim::WrittenGradient write(std::vector<at::Tensor> raw, sotto::optim::PrivateGradient released,
                                    const std::vector<sotto::optim::NamedParameter>& parameters) {
#ifdef SOTTO_CONTROL
  (void)raw;
  return std::move(released).write_to(parameters);
#else
  (void)released;
  return sotto::optim::PrivateGradient(std::move(raw)).write_to(parameters);
#endif
}

#pragma once
// A network of this library: every record's loss depends on that record alone.

#include <ATen/core/Tensor.h>
#include <sotto/models/centred.h>
#include <torch/nn/module.h>

namespace sotto::models {

// prepare(inputs) [batch, ...] -> scores [batch, classes].
class Network : public torch::nn::Module {
 public:
  virtual at::Tensor forward(const at::Tensor& prepared) = 0;

  // What forward() takes, from inputs [batch, ...]: a fixed function of each record alone, fitted to no data, so that
  // it may be computed once for all steps. The inputs themselves unless prepares().
  virtual at::Tensor prepare(const at::Tensor& inputs) const { return inputs; }
  virtual bool prepares() const { return false; }
  // Whether the last dimension of what prepare() returns is that of the inputs and a constant more, and may be cut, or
  // filled with zeros, where that of the inputs may be cut, or filled with padding.
  virtual bool keeps_places() const { return false; }

  // Where forward() subtracts a mean over the data; null otherwise.
  virtual Centred* centred() { return nullptr; }
};

}  // namespace sotto::models

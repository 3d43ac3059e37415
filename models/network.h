#pragma once
// A network of this library: every record's loss depends on that record alone.

#include <ATen/core/Tensor.h>
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

  // A vector of each record from what forward() takes, [batch, width], all of one norm, whose mean over the data
  // forward() subtracts once it is known: set_centre() copies it. No such vector where the width is 0.
  virtual int64_t centred_width() const { return 0; }
  virtual double centred_norm() const { return 0; }
  virtual at::Tensor centred_vectors(const at::Tensor& prepared) { return prepared; }
  virtual void set_centre(const at::Tensor&) {}
};

}  // namespace sotto::models

#pragma once
// What a network subtracts from a vector of each record, once it is known: their mean over the data.

#include <ATen/core/Tensor.h>

#include <cstdint>

namespace sotto::models {

class Centred {
 public:
  virtual ~Centred() = default;

  // Vectors are [batch, width], all of this norm, made of what the network's forward() takes.
  virtual int64_t width() const = 0;
  virtual double norm() const = 0;
  virtual at::Tensor vectors(const at::Tensor& prepared) = 0;

  // What is subtracted, [width]; 0 at first. The tensor itself, to be filled.
  virtual at::Tensor centre() const = 0;
};

}  // namespace sotto::models

#pragma once
// Random operators draw constants, for as long as it lives: 1 from a Bernoulli law (dropout keeps everything), 0.5 from
// a uniform, normal or exponential one, the smallest of a range of integers or indices. Two batches of different sizes,
// or the same records in another order, then see the same numbers. For the calling thread and the default
// generator, which keeps its state.

#include <ATen/core/Tensor.h>
#include <ATen/record_function.h>

namespace sotto::optim {

class ConstantDraws {
 public:
  ConstantDraws();
  ~ConstantDraws();
  ConstantDraws(const ConstantDraws&) = delete;
  ConstantDraws& operator=(const ConstantDraws&) = delete;

  // Whether an operator that it does not know drew from the generator: results need not be comparable then.
  bool incomplete() const;

 private:
  at::Tensor before_;
  at::CallbackHandle handle_;
};

}  // namespace sotto::optim

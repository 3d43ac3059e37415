#pragma once
// Random operators draw constants, for as long as it lives: 1 from a Bernoulli law (dropout keeps everything), 0.5 from
// a uniform, normal or exponential one, the smallest of a range of integers or indices. Two batches of different sizes,
// or the same records in another order, then see the same numbers. For the calling thread and the default CPU
// generator, which keeps its state.

#include <ATen/core/Tensor.h>
#include <ATen/record_function.h>

#include <cstdint>

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

// The state of the default CPU generator.
at::Tensor generator_state();
void set_generator_state(const at::Tensor& state);
uint64_t generator_seed();
// Seeds it from the operating system.
void seed_generator_secretly();
void seed_generator(uint64_t seed);

// The same, put back when the object dies.
class GeneratorState {
 public:
  GeneratorState();
  ~GeneratorState() { restore(); }
  GeneratorState(const GeneratorState&) = delete;
  GeneratorState& operator=(const GeneratorState&) = delete;
  void restore() const;

 private:
  at::Tensor state_;
};

}  // namespace sotto::optim

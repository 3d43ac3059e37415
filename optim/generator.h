#pragma once
// LibTorch's default CPU generator: what dropout and the like draw from.

#include <ATen/core/Tensor.h>

#include <cstdint>

namespace sotto::optim {

// The state of the default CPU generator.
at::Tensor generator_state();
void set_generator_state(const at::Tensor& state);
uint64_t generator_seed();
// Seeds it from the operating system.
void seed_generator_secretly();
void seed_generator(uint64_t seed);

// Its state, put back when the object dies.
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

#pragma once
// LibTorch's default generators: what dropout and the like draw from. That of the processor, and those of the devices
// that were included; states and seeds below are of all of them.

#include <ATen/core/Tensor.h>

#include <cstdint>

namespace sotto::optim {

// From now on that of this device too. Nothing for the processor, and the second time.
void include_generator_of(at::Device device);

at::Tensor generator_state();
// `state` is of as many generators as there are now.
void set_generator_state(const at::Tensor& state);
uint64_t generator_seed();  // one number that changes when a seed does
// From the operating system, each on its own.
void seed_generator_secretly();
void seed_generator(uint64_t seed);

// Their state, put back when the object dies.
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

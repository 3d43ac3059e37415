#include <ATen/CPUGeneratorImpl.h>
#include <sotto/optim/generator.h>

#include <mutex>

namespace sotto::optim {
namespace {

template <typename Use>
auto with_generator(Use use) {
  at::Generator generator = at::detail::getDefaultCPUGenerator();
  const std::lock_guard lock(generator.mutex());
  return use(generator);
}

}  // namespace

at::Tensor generator_state() {
  return with_generator([&](at::Generator& generator) { return generator.get_state(); });
}

void set_generator_state(const at::Tensor& state) {
  with_generator([&](at::Generator& generator) { return generator.set_state(state); });
}

uint64_t generator_seed() {
  return with_generator([&](at::Generator& generator) { return generator.current_seed(); });
}

void seed_generator_secretly() {
  with_generator([&](at::Generator& generator) { return generator.seed(); });
}

void seed_generator(uint64_t seed) {
  with_generator([&](at::Generator& generator) { return generator.set_current_seed(seed); });
}

GeneratorState::GeneratorState() : state_(generator_state()) {}

void GeneratorState::restore() const {
  set_generator_state(state_);
}

}  // namespace sotto::optim

#include <ATen/CPUGeneratorImpl.h>
#include <ATen/Context.h>
#include <ATen/ops/cat.h>
#include <sotto/optim/generator.h>
#include <sotto/privacy/error.h>

#include <algorithm>
#include <mutex>
#include <vector>

namespace sotto::optim {
namespace {

struct Included {
  std::mutex mutex;
  std::vector<at::Device> devices;
};

Included& included() {
  static Included instance;
  return instance;
}

// That of the processor is the first.
std::vector<at::Generator> generators() {
  std::vector<at::Generator> result = {at::detail::getDefaultCPUGenerator()};
  Included& all = included();
  const std::lock_guard lock(all.mutex);
  for (const at::Device device : all.devices) result.push_back(at::globalContext().defaultGenerator(device));
  return result;
}

template <typename Use>
auto locked(at::Generator generator, Use use) {
  const std::lock_guard lock(generator.mutex());
  return use(generator);
}

}  // namespace

void include_generator_of(at::Device device) {
  if (device.is_cpu()) return;
  Included& all = included();
  const std::lock_guard lock(all.mutex);
  if (std::find(all.devices.begin(), all.devices.end(), device) == all.devices.end()) all.devices.push_back(device);
}

at::Tensor generator_state() {
  std::vector<at::Tensor> states;
  for (const at::Generator& generator : generators())
    states.push_back(locked(generator, [](at::Generator& one) { return one.get_state(); }));
  return states.size() == 1 ? states[0] : at::cat(states);
}

void set_generator_state(const at::Tensor& state) {
  int64_t begin = 0;
  for (const at::Generator& generator : generators()) {
    locked(generator, [&](at::Generator& one) {
      const int64_t end = begin + one.get_state().numel();
      SOTTO_ASSERT(end <= state.numel());
      one.set_state(state.slice(0, begin, end).clone());
      begin = end;
    });
  }
  SOTTO_ASSERT(begin == state.numel());
}

uint64_t generator_seed() {
  constexpr uint64_t kFactor = 0x9E3779B97F4A7C15;
  uint64_t all = 0;
  for (const at::Generator& generator : generators())
    all = all * kFactor + locked(generator, [](at::Generator& one) { return one.current_seed(); });
  return all;
}

void seed_generator_secretly() {
  for (const at::Generator& generator : generators()) locked(generator, [](at::Generator& one) { return one.seed(); });
}

void seed_generator(uint64_t seed) {
  for (const at::Generator& generator : generators())
    locked(generator, [&](at::Generator& one) { one.set_current_seed(seed); });
}

GeneratorState::GeneratorState() : state_(generator_state()) {}

void GeneratorState::restore() const {
  set_generator_state(state_);
}

}  // namespace sotto::optim

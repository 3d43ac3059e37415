#include <ATen/CPUGeneratorImpl.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/equal.h>
#include <sotto/optim/constant_draws.h>
#include <sotto/optim/observed_values.h>
#include <sotto/optim/operator_call.h>

#include <map>
#include <memory>
#include <mutex>
#include <string_view>

namespace sotto::optim {

at::Tensor generator_state() {
  at::Generator generator = at::detail::getDefaultCPUGenerator();
  const std::lock_guard lock(generator.mutex());
  return generator.get_state();
}

void set_generator_state(const at::Tensor& state) {
  at::Generator generator = at::detail::getDefaultCPUGenerator();
  const std::lock_guard lock(generator.mutex());
  generator.set_state(state);
}

uint64_t generator_seed() {
  at::Generator generator = at::detail::getDefaultCPUGenerator();
  const std::lock_guard lock(generator.mutex());
  return generator.current_seed();
}

void seed_generator_secretly() {
  at::Generator generator = at::detail::getDefaultCPUGenerator();
  const std::lock_guard lock(generator.mutex());
  generator.seed();
}

namespace {

// What each operator draws instead.
const double* constant_of(std::string_view name) {
  static const std::map<std::string_view, double> constants = {
      {"aten::bernoulli", 1.0}, {"aten::bernoulli_", 1.0}, {"aten::rand", 0.5},
      {"aten::rand_like", 0.5}, {"aten::randn", 0.5},      {"aten::randn_like", 0.5},
      {"aten::uniform_", 0.5},  {"aten::normal_", 0.5},    {"aten::exponential_", 0.5}};
  const auto found = constants.find(name);
  return found == constants.end() ? nullptr : &found->second;
}

struct Draw : at::ObserverContext {
  at::Tensor before;
};

std::unique_ptr<at::ObserverContext> on_start(const at::RecordFunction& function) {
  if (constant_of(function.name()) == nullptr) return nullptr;
  auto draw = std::make_unique<Draw>();
  draw->before = generator_state();
  return draw;
}

void on_end(const at::RecordFunction& function, at::ObserverContext* context) {
  if (context == nullptr) return;
  at::NoGradGuard no_grad;
  for (const c10::IValue& output : observed_outputs(function)) {
    for_each_tensor(output, [&](const at::Tensor& tensor) { tensor.fill_(*constant_of(function.name())); });
  }
  set_generator_state(static_cast<Draw*>(context)->before);
}

}  // namespace

ConstantDraws::ConstantDraws()
    : before_(generator_state()),
      handle_(at::addThreadLocalCallback(
          at::RecordFunctionCallback(&on_start, &on_end).needsOutputs(true).scopes({at::RecordScope::FUNCTION}))) {}

ConstantDraws::~ConstantDraws() {
  at::removeCallback(handle_);
}

bool ConstantDraws::incomplete() const {
  return !at::equal(before_, generator_state());
}

GeneratorState::GeneratorState() : state_(generator_state()) {}

void GeneratorState::restore() const {
  set_generator_state(state_);
}

}  // namespace sotto::optim

#include <ATen/core/grad_mode.h>
#include <ATen/ops/equal.h>
#include <sotto/optim/constant_draws.h>
#include <sotto/optim/generator.h>
#include <sotto/optim/observed_values.h>
#include <sotto/optim/operator_call.h>

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace sotto::optim {

namespace {

// The smallest integer that an operator of these arguments may draw.
double lowest(const at::RecordFunction& function) {
  const std::string overload = function.overload_name();
  if (!overload.starts_with("low") && overload != "from") return 0.0;  // bounded above alone, or not at all
  for (const c10::IValue& argument : observed_inputs(function)) {
    if (argument.isInt()) return static_cast<double>(argument.toInt());
  }
  return 0.0;
}

// What each operator draws instead. A permutation has no constant.
std::optional<double> constant_of(const at::RecordFunction& function) {
  static const std::map<std::string_view, double> constants = {
      {"aten::bernoulli", 1.0}, {"aten::bernoulli_", 1.0}, {"aten::rand", 0.5},         {"aten::rand_like", 0.5},
      {"aten::randn", 0.5},     {"aten::randn_like", 0.5}, {"aten::uniform_", 0.5},     {"aten::normal_", 0.5},
      {"aten::multinomial", 0}, {"aten::randint_like", 0}, {"aten::exponential_", 0.5}, {"aten::randint", 0},
      {"aten::random_", 0}};
  const auto found = constants.find(function.name());
  if (found == constants.end()) return std::nullopt;
  const bool integer = std::string_view(function.name()).starts_with("aten::rand") && found->second == 0;
  return integer ? lowest(function) : found->second;
}

struct Draw : at::ObserverContext {
  at::Tensor before;
  double constant = 0.0;
};

std::unique_ptr<at::ObserverContext> on_start(const at::RecordFunction& function) {
  const std::optional<double> constant = constant_of(function);
  if (!constant) return nullptr;
  auto draw = std::make_unique<Draw>();
  draw->before = generator_state();
  draw->constant = *constant;
  return draw;
}

void on_end(const at::RecordFunction& function, at::ObserverContext* context) {
  if (context == nullptr) return;
  at::NoGradGuard no_grad;
  const auto& draw = *static_cast<Draw*>(context);
  for (const c10::IValue& output : observed_outputs(function)) {
    for_each_tensor(output, [&](const at::Tensor& tensor) { tensor.fill_(draw.constant); });
  }
  set_generator_state(draw.before);
}

}  // namespace

ConstantDraws::ConstantDraws()
    : before_(generator_state()),
      handle_(at::addThreadLocalCallback(at::RecordFunctionCallback(&on_start, &on_end)
                                             .needsInputs(true)
                                             .needsOutputs(true)
                                             .scopes({at::RecordScope::FUNCTION}))) {}

ConstantDraws::~ConstantDraws() {
  at::removeCallback(handle_);
}

bool ConstantDraws::incomplete() const {
  return !at::equal(before_, generator_state());
}

}  // namespace sotto::optim

#include <ATen/record_function.h>
#include <sotto/optim/memory.h>
#include <sotto/optim/observed_values.h>
#include <sotto/optim/operator_call.h>
#include <sotto/optim/origin_watch.h>
#include <sotto/optim/tracked_tensors.h>
#include <sotto/privacy/error.h>

#include <exception>
#include <memory>

namespace sotto::optim {
namespace {

class OriginWatch {
 public:
  explicit OriginWatch(TrackedTensors& tensors) : tensors_(tensors), previous_(active_) {
    active_ = this;
    handle_ = at::addThreadLocalCallback(at::RecordFunctionCallback(&on_start, &on_end)
                                             .needsInputs(true)
                                             .needsOutputs(true)
                                             .scopes({at::RecordScope::FUNCTION}));
  }
  ~OriginWatch() {
    at::removeCallback(handle_);
    active_ = previous_;
  }
  OriginWatch(const OriginWatch&) = delete;
  OriginWatch& operator=(const OriginWatch&) = delete;

  const std::exception_ptr& error() const { return error_; }

 private:
  static std::unique_ptr<at::ObserverContext> on_start(const at::RecordFunction& function) {
    // Inside an operator, its kernels pass on tensors that they allocated without one.
    if (function.operator_name() && active_->depth_++ == 0 && !active_->error_) active_->check(function);
    return nullptr;
  }
  static void on_end(const at::RecordFunction& function, at::ObserverContext*) {
    if (!function.operator_name()) return;
    const bool outermost = --active_->depth_ == 0;
    for (const c10::IValue& output : observed_outputs(function)) {
      for_each_tensor(output, [&](const at::Tensor& tensor) {
        if (outermost) clear_if_uninitialised(function.name(), tensor);
        if (active_->tensors_.find(tensor) == nullptr) active_->tensors_.track(tensor, {});
      });
    }
  }
  void check(const at::RecordFunction& function) {
    try {
      for (const c10::IValue& argument : observed_inputs(function)) {
        if (may_hide_tensors(argument)) throw UsageError(hidden_argument_text(function.name(), argument));
        for_each_tensor(argument, [&](const at::Tensor& tensor) { tensors_.classify(tensor, function.name()); });
      }
    } catch (...) {
      error_ = std::current_exception();
    }
  }

  static thread_local OriginWatch* active_;
  TrackedTensors& tensors_;
  OriginWatch* previous_;
  at::CallbackHandle handle_;
  int depth_ = 0;
  std::exception_ptr error_;
};

thread_local OriginWatch* OriginWatch::active_ = nullptr;

}  // namespace

at::Tensor run_watched(const std::vector<NamedParameter>& parameters, const std::vector<at::Tensor>& constants,
                       const std::vector<at::Tensor>& inputs, const std::function<at::Tensor()>& model) {
  TrackedTensors tensors;
  for (const NamedParameter& parameter : parameters) tensors.track(parameter.tensor, {});
  for (const at::Tensor& constant : constants) tensors.track(constant, {});
  for (const at::Tensor& input : inputs) tensors.track(input, {});
  const OriginWatch watch(tensors);
  at::Tensor result;
  try {
    result = model();
  } catch (...) {
    if (!watch.error()) throw;
  }
  if (watch.error()) std::rethrow_exception(watch.error());
  return result;
}

}  // namespace sotto::optim

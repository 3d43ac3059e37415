#include <ATen/TensorOperators.h>
#include <ATen/autocast_mode.h>
#include <ATen/core/dispatch/Dispatcher.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/dropout.h>
#include <ATen/ops/lstm_native.h>
#include <ATen/ops/stack.h>
#include <sotto/optim/lstm_layer.h>
#include <sotto/optim/recorded_lstm.h>
#include <sotto/optim/recorder_state.h>
#include <torch/library.h>

#include <optional>
#include <tuple>
#include <vector>

namespace sotto::optim {
namespace {

using at::Tensor;
using Layer = std::tuple<Tensor, Tensor, Tensor, Tensor>(const Tensor&, const Tensor&, const Tensor&, const Tensor&,
                                                         const Tensor&, const std::optional<Tensor>&,
                                                         const std::optional<Tensor>&, bool);

bool is_kind(const Recorder& recorder, const Tensor& tensor, Tracked::Kind kind) {
  const Tracked* const tracked = recorder.find(tensor);
  return tracked != nullptr && tracked->kind == kind;
}

bool can_be_split(const Recorder& recorder, const Tensor& input, at::TensorList hx, at::TensorList params,
                  size_t per_direction, int64_t runs) {
  if (runs <= 0 || !is_kind(recorder, input, Tracked::Kind::records) || input.dim() != 3 || input.size(0) == 0 ||
      input.size(1) == 0 || hx.size() != 2 || at::autocast::is_autocast_enabled(input.device().type()) ||
      params.size() != per_direction * static_cast<size_t>(runs))  // more with a projection
    return false;
  const int64_t hidden = params[1].size(1);
  for (const Tensor& state : hx) {
    if (state.dim() != 3 || state.size(0) != runs || state.size(2) != hidden ||
        is_kind(recorder, state, Tracked::Kind::parameter))
      return false;
  }
  return input.scalar_type() == params[0].scalar_type() &&
         (input.scalar_type() == at::kFloat || input.scalar_type() == at::kDouble);
}

std::tuple<Tensor, Tensor, Tensor> lstm(const Tensor& input, at::TensorList hx, at::TensorList params, bool has_biases,
                                        int64_t num_layers, double dropout, bool train, bool bidirectional,
                                        bool batch_first) {
  const size_t per_direction = has_biases ? 4 : 2;
  const int64_t directions = bidirectional ? 2 : 1;
  const Recorder* const recorder = Recorder::active();
  if (recorder == nullptr || !can_be_split(*recorder, input, hx, params, per_direction, num_layers * directions))
    return at::native::lstm(input, hx, params, has_biases, num_layers, dropout, train, bidirectional, batch_first);
  static const auto run = c10::Dispatcher::singleton().findSchemaOrThrow(kLstmLayer, "").typed<Layer>();
  Tensor layer = batch_first ? input.transpose(0, 1) : input;
  std::vector<Tensor> last_h, last_c;
  for (int64_t l = 0; l < num_layers; ++l) {
    std::vector<Tensor> outputs;
    for (int64_t d = 0; d < directions; ++d) {
      const int64_t number = l * directions + d;
      const Tensor* const of_run = &params[static_cast<size_t>(number) * per_direction];
      const auto bias = [&](size_t place) { return has_biases ? std::optional(of_run[place]) : std::nullopt; };
      auto [output, h, c, before] = run.call(layer, hx[0].select(0, number), hx[1].select(0, number), of_run[0],
                                             of_run[1], bias(2), bias(3), /*reverse=*/d == 1);
      outputs.push_back(std::move(output));
      last_h.push_back(std::move(h));
      last_c.push_back(std::move(c));
    }
    layer = directions == 1 ? outputs[0] : at::cat(outputs, -1);
    if (dropout > 0.0 && l + 1 < num_layers) layer = at::dropout(layer, dropout, train);
  }
  return {batch_first ? layer.transpose(0, 1) : layer, at::stack(last_h, 0), at::stack(last_c, 0)};
}

}  // namespace

void split_recorded_lstm() {
  static const bool split = [] {
    if (c10::Dispatcher::singleton().findSchema({kLstmLayer, ""})) return true;  // another copy of this code
    define_lstm_layer();
    static torch::Library library(torch::Library::IMPL, "aten", std::nullopt, __FILE__, __LINE__);
    for (const c10::DispatchKey key : {c10::DispatchKey::AutogradCPU, c10::DispatchKey::AutogradCUDA})
      library.impl("lstm.input", torch::dispatch(key, &lstm));
    return true;
  }();
  static_cast<void>(split);
}

}  // namespace sotto::optim

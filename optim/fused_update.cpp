#include <ATen/Parallel.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/empty_like.h>
#include <ATen/ops/zeros_like.h>
#include <sotto/optim/fused_update.h>
#include <sotto/optim/sum_dtype.h>
#include <sotto/privacy/error.h>
#include <torch/optim/adam.h>
#include <torch/optim/adamw.h>
#include <torch/optim/sgd.h>

#include <algorithm>
#include <cstring>
#include <memory>
#include <typeinfo>
#include <unordered_map>

namespace sotto::optim {
namespace {

// Large enough to hide the cost of a task.
constexpr int64_t kUpdatesPerTask = 1 << 15;

// The optimizer's own state of the parameter, made where there is none yet.
template <class State>
State& state_of(torch::optim::Optimizer& optimizer, const at::Tensor& parameter) {
  auto& state = optimizer.state()[parameter.unsafeGetTensorImpl()];
  if (!state) state = std::make_unique<State>();
  return static_cast<State&>(*state);
}

template <class T, class Update>
void in_pieces(int64_t count, const kernels::TensorNoise& noise, const T* sum, const Update& update) {
  at::parallel_for(0, count, kUpdatesPerTask, [&](int64_t begin, int64_t end) {
    kernels::TensorNoise of_piece = noise;
    of_piece.first += static_cast<std::uint64_t>(begin);
    update(of_piece, begin, static_cast<size_t>(end - begin), sum + begin);
  });
}

bool is_plain(const at::Tensor& tensor, at::Device device) {
  return tensor.layout() == at::kStrided && tensor.device() == device && tensor.is_contiguous() &&
         !is_half_precision(tensor.scalar_type());
}

at::Tensor as_parameter(const at::Tensor& state, const at::Tensor& parameter) {
  return state.to(parameter.device()).contiguous();
}

}  // namespace

std::optional<FusedUpdate> FusedUpdate::of(torch::optim::Optimizer& optimizer,
                                           const std::vector<NamedParameter>& parameters, const StepDevice& device) {
  const std::type_info& type = typeid(optimizer);
  Kind kind = Kind::sgd;
  if (type == typeid(torch::optim::Adam)) {
    kind = Kind::adam;
  } else if (type == typeid(torch::optim::AdamW)) {
    kind = Kind::adamw;
  } else if (type != typeid(torch::optim::SGD)) {
    return std::nullopt;
  }
  std::unordered_map<const c10::TensorImpl*, const torch::optim::OptimizerOptions*> options;
  for (const auto& group : optimizer.param_groups()) {
    const bool amsgrad =
        (kind == Kind::adam && static_cast<const torch::optim::AdamOptions&>(group.options()).amsgrad()) ||
        (kind == Kind::adamw && static_cast<const torch::optim::AdamWOptions&>(group.options()).amsgrad());
    if (amsgrad) return std::nullopt;
    for (const at::Tensor& parameter : group.params()) options[parameter.unsafeGetTensorImpl()] = &group.options();
  }
  std::vector<Entry> entries;
  for (const NamedParameter& named : parameters) {
    const auto found = options.find(named.tensor.unsafeGetTensorImpl());
    if (found == options.end() || !is_plain(named.tensor, device.where())) return std::nullopt;
    entries.push_back({named.tensor, found->second});
  }
  return FusedUpdate(kind, optimizer, std::move(entries), device);
}

void FusedUpdate::begin(std::uint32_t noise_step) {
  for (Entry& entry : entries_) {
    if (kind_ == Kind::sgd) {
      begin_sgd(entry);
    } else if (kind_ == Kind::adam) {
      begin_adam<torch::optim::AdamParamState>(entry);
    } else {
      begin_adam<torch::optim::AdamWParamState>(entry);
    }
  }
  if (!device_.has_table()) return;
  at::Tensor steps = at::empty({static_cast<int64_t>(entries_.size() * sizeof(kernels::DeviceStep))}, at::kByte);
  std::uint8_t* to = steps.mutable_data_ptr<std::uint8_t>();
  for (const Entry& entry : entries_) {
    const kernels::DeviceStep step{noise_step, entry.update, correction_of(entry)};
    std::memcpy(to, &step, sizeof step);
    to += sizeof step;
  }
  if (steps_.defined()) {
    steps_.copy_(device_.copy_of(steps));  // where a captured graph reads it
  } else {
    steps_ = device_.copy_of(steps);
  }
}

void FusedUpdate::begin_sgd(Entry& entry) {
  entry.update = 1;
  if (static_cast<const torch::optim::SGDOptions&>(*entry.options).momentum() == 0) return;
  auto& state = state_of<torch::optim::SGDParamState>(*optimizer_, entry.parameter);
  if (state.momentum_buffer().defined()) {
    entry.update = 2;
    state.momentum_buffer(as_parameter(state.momentum_buffer(), entry.parameter));
  } else {
    state.momentum_buffer(at::empty_like(entry.parameter).detach());
  }
}

template <class State>
void FusedUpdate::begin_adam(Entry& entry) {
  State& state = state_of<State>(*optimizer_, entry.parameter);
  if (!state.exp_avg().defined()) {
    state.exp_avg(at::zeros_like(entry.parameter).detach());
    state.exp_avg_sq(at::zeros_like(entry.parameter).detach());
  }
  state.exp_avg(as_parameter(state.exp_avg(), entry.parameter));
  state.exp_avg_sq(as_parameter(state.exp_avg_sq(), entry.parameter));
  state.step(state.step() + 1);
  entry.update = state.step();
}

kernels::AdamCorrection FusedUpdate::correction_of(const Entry& entry) const {
  if (kind_ == Kind::sgd) return {};
  const auto [beta1, beta2] = kind_ == Kind::adam
                                  ? static_cast<const torch::optim::AdamOptions&>(*entry.options).betas()
                                  : static_cast<const torch::optim::AdamWOptions&>(*entry.options).betas();
  return kernels::adam_correction(beta1, beta2, entry.update);
}

kernels::DeviceTensorNoise FusedUpdate::on_device(size_t t, const kernels::TensorNoise& noise) const {
  const auto* steps = reinterpret_cast<const kernels::DeviceStep*>(steps_.const_data_ptr());
  return {noise.key, steps + t, noise.counter.tensor, noise.first, noise.stddev, noise.divisor};
}

void FusedUpdate::apply(size_t t, const at::Tensor& sum, const kernels::TensorNoise& noise) {
  const Entry& entry = entries_.at(t);
  SOTTO_ASSERT(entry.update > 0);
  SOTTO_ASSERT(sum.sizes() == entry.parameter.sizes() && sum.scalar_type() == entry.parameter.scalar_type() &&
               sum.is_contiguous());
  const auto update = [&](auto zero) {
    using T = decltype(zero);
    if (kind_ == Kind::sgd) return apply_sgd<T>(t, sum, noise);
    if (kind_ == Kind::adam)
      return apply_adam<T, torch::optim::AdamOptions, torch::optim::AdamParamState>(t, sum, noise);
    return apply_adam<T, torch::optim::AdamWOptions, torch::optim::AdamWParamState>(t, sum, noise);
  };
  sum.scalar_type() == at::kFloat ? update(float{}) : update(double{});
  entry.parameter.unsafeGetTensorImpl()->bump_version();  // as an in-place operator would
  entry.parameter.mutable_grad().reset();
}

template <class T>
void FusedUpdate::apply_sgd(size_t t, const at::Tensor& sum, const kernels::TensorNoise& noise) {
  const Entry& entry = entries_[t];
  const auto& options = static_cast<const torch::optim::SGDOptions&>(*entry.options);
  kernels::SgdUpdate<T> update{.parameter = entry.parameter.mutable_data_ptr<T>(),
                               .learning_rate = options.lr(),
                               .momentum = options.momentum(),
                               .dampening = options.dampening(),
                               .weight_decay = options.weight_decay(),
                               .nesterov = options.nesterov(),
                               .first_step = entry.update == 1};
  if (options.momentum() != 0) {
    auto& state = state_of<torch::optim::SGDParamState>(*optimizer_, entry.parameter);
    update.velocity = state.momentum_buffer().template mutable_data_ptr<T>();
  }
  if (device_.has_table()) {
    device_.run([&](const kernels::CudaBackend& table, kernels::Stream stream) {
      launcher<T>(table.sgd_update_float, table.sgd_update_double)(
          on_device(t, noise), static_cast<size_t>(sum.numel()), sum.const_data_ptr<T>(), update, stream,
          kernels::kDeviceBlock);
    });
    return;
  }
  in_pieces(sum.numel(), noise, sum.const_data_ptr<T>(),
            [&](const kernels::TensorNoise& of_piece, int64_t begin, size_t count, const T* values) {
              kernels::SgdUpdate<T> piece = update;
              piece.parameter += begin;
              if (piece.velocity != nullptr) piece.velocity += begin;
              kernels::noisy_sgd_update(of_piece, count, values, piece);
            });
}

template <class T, class Options, class State>
void FusedUpdate::apply_adam(size_t t, const at::Tensor& sum, const kernels::TensorNoise& noise) {
  const Entry& entry = entries_[t];
  const auto& options = static_cast<const Options&>(*entry.options);
  State& state = state_of<State>(*optimizer_, entry.parameter);
  const kernels::AdamUpdate<T> update{.parameter = entry.parameter.mutable_data_ptr<T>(),
                                      .mean = state.exp_avg().template mutable_data_ptr<T>(),
                                      .square = state.exp_avg_sq().template mutable_data_ptr<T>(),
                                      .learning_rate = options.lr(),
                                      .beta1 = std::get<0>(options.betas()),
                                      .beta2 = std::get<1>(options.betas()),
                                      .epsilon = options.eps(),
                                      .weight_decay = options.weight_decay(),
                                      .decoupled = kind_ == Kind::adamw,
                                      .step = entry.update};
  if (device_.has_table()) {
    device_.run([&](const kernels::CudaBackend& table, kernels::Stream stream) {
      launcher<T>(table.adam_update_float, table.adam_update_double)(
          on_device(t, noise), static_cast<size_t>(sum.numel()), sum.const_data_ptr<T>(), update, stream,
          kernels::kDeviceBlock);
    });
    return;
  }
  in_pieces(sum.numel(), noise, sum.const_data_ptr<T>(),
            [&](const kernels::TensorNoise& of_piece, int64_t begin, size_t count, const T* values) {
              kernels::AdamUpdate<T> piece = update;
              piece.parameter += begin;
              piece.mean += begin;
              piece.square += begin;
              kernels::noisy_adam_update(of_piece, count, values, piece);
            });
}

}  // namespace sotto::optim

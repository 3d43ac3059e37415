// The fallback of the tape: every record is a batch of its own for LibTorch's autograd. Exact for any model, and slow.

#include <ATen/core/grad_mode.h>
#include <ATen/ops/full_like.h>
#include <ATen/ops/zeros.h>
#include <fmt/format.h>
#include <sotto/optim/full_precision.h>
#include <sotto/optim/lasting_tensor.h>
#include <sotto/optim/one_record.h>
#include <sotto/optim/origin_watch.h>
#include <sotto/optim/record_rows.h>
#include <sotto/optim/sum_dtype.h>
#include <sotto/optim/tape.h>
#include <sotto/optim/without_autocast.h>
#include <sotto/privacy/error.h>
#include <torch/csrc/autograd/autograd.h>

namespace sotto::optim {
namespace {

using Tensors = std::vector<at::Tensor>;
using Losses = std::function<at::Tensor(const Tensors&)>;

at::Tensor loss_of_one(const std::vector<NamedParameter>& parameters, const Tensors& constants, const Tensors& record,
                       const Losses& losses) {
  at::Tensor loss = run_watched(parameters, constants, record, [&] { return losses(record); });
  if (!loss.defined() || loss.dim() != 1 || loss.size(0) != 1) {
    throw UsageError(fmt::format(
        "[Tape] the model must return one loss per record, for a single one a tensor of sizes [1]: got {}. Ask the "
        "loss function for reduction none and sum what remains over all dimensions but the first",
        loss.defined() ? "sizes " + sizes_text(loss.sizes()) : "an undefined tensor"));
  }
  if (!loss.requires_grad()) {
    throw UsageError("[Tape] the losses do not depend on any trainable parameter: is gradient mode switched off?");
  }
  return loss;
}

}  // namespace

PerRecordGradients Tape::run_one_by_one(const Tensors& inputs, const Losses& losses, const std::vector<bool>& active) {
  const FullPrecision full_precision;
  if (inputs.empty() || !inputs[0].defined() || inputs[0].dim() == 0)
    throw UsageError("[Tape] an input that carries records needs at least one dimension");
  PerRecordGradients result;
  result.parameters_ = &parameters_;
  result.groups_ = &groups_;
  result.group_count_ = group_count_;
  result.device_ = options_.device.on_current_stream();
  result.batch_ = inputs[0].size(0);
  for (const at::Tensor& input : inputs) {
    if (!input.defined() || input.dim() == 0 || input.size(0) != result.batch_)
      throw UsageError("[Tape] inputs disagree on the number of records");
  }
  Tensors targets;
  for (const NamedParameter& parameter : parameters_) {
    targets.push_back(parameter.tensor);
    result.rows_.push_back(at::zeros({result.batch_, parameter.tensor.numel()}, sum_options(parameter.tensor)));
  }
  const std::vector<LastingTensor> lasting = lasting_tensors(parameters_, constants_);
  for (int64_t i = 0; i < result.batch_; ++i) {
    if (!active.empty() && !active.at(static_cast<size_t>(i))) continue;
    const at::AutoGradMode with_gradients(true);
    const at::Tensor loss = loss_of_one(parameters_, constants_, one_record(inputs, i), losses);
    for (const LastingTensor& tensor : lasting) tensor.check_unchanged();
    const WithoutAutocast without_autocast;
    const Tensors gradients = torch::autograd::grad({loss}, targets, {at::full_like(loss, options_.loss_scale)},
                                                    /*retain_graph=*/false, /*create_graph=*/false,
                                                    /*allow_unused=*/true);
    for (size_t p = 0; p < targets.size(); ++p) {
      if (!gradients[p].defined()) continue;
      at::Tensor row = result.rows_[p][i];
      row.copy_(gradients[p].to_dense().reshape({-1}));
      if (options_.loss_scale != 1.0) row.div_(options_.loss_scale);
    }
  }
  const at::NoGradGuard no_grad;
  result.begin_norms();
  for (size_t p = 0; p < targets.size(); ++p)
    add_row_norms(result.device_, result.rows_[p], 0, result.norms_of_parameter_[p]);
  result.end_norms();
  return result;
}

}  // namespace sotto::optim

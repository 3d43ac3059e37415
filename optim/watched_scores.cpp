#include <ATen/core/grad_mode.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/sum.h>
#include <fmt/format.h>
#include <sotto/optim/full_precision.h>
#include <sotto/optim/lasting_tensor.h>
#include <sotto/optim/one_record.h>
#include <sotto/optim/operator_call.h>
#include <sotto/optim/origin_watch.h>
#include <sotto/optim/recorder.h>
#include <sotto/optim/watched_scores.h>
#include <sotto/privacy/error.h>

namespace sotto::optim {
namespace {

using Inputs = std::vector<at::Tensor>;
using Scores = std::function<at::Tensor(const Inputs&)>;

at::Tensor one_by_one(const std::vector<NamedParameter>& parameters, const std::vector<at::Tensor>& constants,
                      const Inputs& inputs, const Scores& scores) {
  const std::vector<LastingTensor> lasting = lasting_tensors(parameters, constants);
  std::vector<at::Tensor> rows;
  for (int64_t i = 0; i < inputs.at(0).size(0); ++i) {
    const Inputs record = one_record(inputs, i);
    const at::Tensor row = run_watched(parameters, constants, record, [&] { return scores(record); });
    for (const LastingTensor& tensor : lasting) tensor.check_unchanged();
    if (!row.defined() || row.dim() == 0 || row.size(0) != 1)
      throw UsageError(fmt::format("[watched_scores] the scores of one record must have size 1 in dimension 0: got {}",
                                   row.defined() ? "sizes " + sizes_text(row.sizes()) : "an undefined tensor"));
    rows.push_back(row.detach());
  }
  return at::cat(rows);
}

}  // namespace

at::Tensor watched_scores(const std::vector<NamedParameter>& parameters, const std::vector<at::Tensor>& constants,
                          const Inputs& inputs, const Scores& scores, Fallback fallback) {
  const FullPrecision full_precision;
  // The recorder follows parameters by what autograd notes of them.
  const at::AutoGradMode with_gradients(true);
  if (fallback == Fallback::per_record) return one_by_one(parameters, constants, inputs, scores);
  at::Tensor found;
  record(parameters, constants, inputs, [&] {
    found = scores(inputs);
    return found.flatten(1).sum(1);
  });
  return found.detach();
}

}  // namespace sotto::optim

// The planned evaluations of PrivateTraining: what they sum, what they are charged and their noise.

#include <ATen/core/grad_mode.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/sum.h>
#include <fmt/format.h>
#include <sotto/kernels/gaussian_noise.h>
#include <sotto/optim/generator.h>
#include <sotto/optim/operator_call.h>
#include <sotto/optim/private_training.h>
#include <sotto/optim/watched_scores.h>
#include <sotto/privacy/error.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <utility>

namespace sotto::optim {

void PrivateTraining::examine_evaluation(const Vectors& scores) {
  if (evaluation_examined_) return;
  probed(clipper_.parameters(), options_.constants,
         [&](const std::vector<at::Tensor>& inputs) { return scores(inputs).flatten(1).sum(1); });
  evaluation_examined_ = true;
}

// Every record once, in double.
std::array<double, 2> PrivateTraining::sum_of_contributions(const Vectors& scores,
                                                            const Contributions& contributions) const {
  std::vector<int64_t> all(static_cast<size_t>(records_.count));
  std::iota(all.begin(), all.end(), int64_t{0});
  const auto size = static_cast<size_t>(size_of_pass());
  std::array<double, 2> sums = {};
  for (const std::vector<int64_t>& batch : physical_batches(std::move(all), records_, size)) {
    at::Tensor indices = at::empty({static_cast<int64_t>(size)}, at::kLong);
    for (size_t i = 0; i < size; ++i) indices.mutable_data_ptr<int64_t>()[i] = batch[i < batch.size() ? i : 0];
    std::vector<at::Tensor> inputs = records_.fetch(indices);
    for (at::Tensor& input : inputs) input = options_.tape.device.copy_of(input);
    if (is_private()) seed_generator_secretly();
    const at::Tensor of_records =
        watched_scores(clipper_.parameters(), options_.constants, inputs, scores, options_.tape.fallback);
    const at::Tensor rows = contributions(of_records, inputs).to(at::kCPU, at::kDouble).contiguous();
    if (rows.dim() != 2 || rows.size(0) != static_cast<int64_t>(size) || rows.size(1) != 2)
      throw UsageError(fmt::format("[PrivateTraining::evaluate] contributions of sizes {}; must be [{}, 2]",
                                   sizes_text(rows.sizes()), size));
    for (size_t i = 0; i < batch.size(); ++i) {
      const double* row = rows.const_data_ptr<double>() + 2 * i;
      const double norm = std::hypot(row[0], row[1]);
      if (!std::isfinite(norm)) continue;
      for (const size_t c : {0, 1}) sums[c] += row[c] / std::max(1.0, norm);
    }
  }
  return sums;
}

NoisySums PrivateTraining::evaluate(const Vectors& scores, const Contributions& contributions) {
  const std::optional<privacy::PlannedEvaluations>& planned = options_.plan.evaluations();
  if (!planned)
    throw UsageError("[PrivateTraining::evaluate] evaluations: none planned; say how many and how noisy in the plan");
  if (ledger_.contents().evaluations_charged >= planned->count)
    throw BudgetExhausted(
        fmt::format("[PrivateTraining::evaluate] all {} planned evaluations are charged", planned->count));
  examine_evaluation(scores);
  const at::NoGradGuard no_grad;
  NoisySums result{.number = 0, .sums = sum_of_contributions(scores, contributions)};
  result.number = ledger_.reserve_evaluation(noise_key_);
  kernels::add_gaussian_noise(evaluation_key_.words(), {static_cast<std::uint32_t>(result.number), 0}, 0,
                              result.sums.size(), planned->noise_multiplier, result.sums.data());
  result.size = static_cast<double>(options_.plan.dataset_size());
  return result;
}

}  // namespace sotto::optim

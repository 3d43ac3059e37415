#include <ATen/TensorOperators.h>
#include <ATen/ops/argmax.h>
#include <ATen/ops/cross_entropy_loss.h>
#include <fmt/format.h>
#include <sotto/models/record_losses.h>
#include <sotto/privacy/error.h>

namespace sotto::models {
namespace {

void check(const at::Tensor& scores, const at::Tensor& labels) {
  const bool fits = (scores.dim() == 2 || scores.dim() == 3) && labels.dim() == scores.dim() - 1 &&
                    labels.sizes() == scores.sizes().slice(0, static_cast<size_t>(labels.dim()));
  if (!fits)
    throw UsageError(
        fmt::format("[record_losses] scores of {} and labels of {} dimensions do not fit; allowed are [records, "
                    "classes] with [records], and [records, tokens, classes] with [records, tokens]",
                    scores.dim(), labels.dim()));
  if (labels.is_floating_point() && scores.size(-1) != 1)
    throw UsageError(fmt::format("[record_losses] {} scores for a number; a regression has one score for each label",
                                 scores.size(-1)));
}

// Of every label, in the labels' sizes; of one without a part it is some number.
at::Tensor part_losses(const at::Tensor& scores, const at::Tensor& labels) {
  if (labels.is_floating_point()) return (scores.squeeze(-1) - labels).square();
  const at::Tensor by_class = scores.dim() == 2 ? scores : scores.transpose(1, 2);
  return at::cross_entropy_loss(by_class, labels, {}, at::Reduction::None, kNoPart);
}

}  // namespace

at::Tensor record_losses(const at::Tensor& scores, const at::Tensor& labels) {
  check(scores, labels);
  const at::Tensor losses = part_losses(scores, labels);
  if (scores.dim() == 2) return losses;
  const at::Tensor parts = labels.ne(kNoPart).to(losses.scalar_type());
  return (losses * parts).sum(1) / parts.sum(1).clamp_min(1);
}

Hits count_hits(const at::Tensor& scores, const at::Tensor& labels) {
  check(scores, labels);
  const at::Tensor found = scores.argmax(-1);
  const at::Tensor ones = labels.eq(1), found_ones = found.eq(1);
  const auto count = [](const at::Tensor& of) { return of.sum().item<int64_t>(); };
  return {.labels = labels.numel(),
          .correct = count(found.eq(labels)),
          .ones = count(ones),
          .found_ones = count(found_ones),
          .true_ones = count(ones.logical_and(found_ones))};
}

}  // namespace sotto::models

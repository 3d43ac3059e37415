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
}

}  // namespace

at::Tensor record_losses(const at::Tensor& scores, const at::Tensor& labels) {
  check(scores, labels);
  if (scores.dim() == 2) return at::cross_entropy_loss(scores, labels, {}, at::Reduction::None);
  return at::cross_entropy_loss(scores.transpose(1, 2), labels, {}, at::Reduction::None).mean(1);
}

Hits count_hits(const at::Tensor& scores, const at::Tensor& labels) {
  check(scores, labels);
  return {labels.numel(), scores.argmax(-1).eq(labels).sum().item<int64_t>()};
}

}  // namespace sotto::models

#include <ATen/TensorOperators.h>
#include <ATen/ops/argmax.h>
#include <ATen/ops/bincount.h>
#include <ATen/ops/cross_entropy_loss.h>
#include <fmt/format.h>
#include <sotto/models/record_losses.h>
#include <sotto/privacy/error.h>

#include <algorithm>

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

Hits& Hits::operator+=(const Hits& more) {
  labels += more.labels;
  correct += more.correct;
  classes.resize(std::max(classes.size(), more.classes.size()));
  for (size_t c = 0; c < more.classes.size(); ++c) {
    classes[c].labels += more.classes[c].labels;
    classes[c].found += more.classes[c].found;
    classes[c].both += more.classes[c].both;
  }
  return *this;
}

Hits count_hits(const at::Tensor& scores, const at::Tensor& labels) {
  check(scores, labels);
  const int64_t classes = scores.size(-1);
  if (labels.is_floating_point() || labels.lt(0).logical_or(labels.ge(classes)).any().item<bool>())
    throw UsageError(fmt::format("[count_hits] a label is no class; allowed are integers from 0 to {}", classes - 1));
  const at::Tensor found = scores.argmax(-1), right = found.eq(labels);
  const auto count = [&](const at::Tensor& of) { return at::bincount(of.flatten(), {}, classes).cpu(); };
  const at::Tensor by_label = count(labels), by_score = count(found), by_both = count(labels.masked_select(right));
  Hits result{.labels = labels.numel(), .correct = right.sum().item<int64_t>(), .classes = {}};
  for (int64_t c = 0; c < classes; ++c)
    result.classes.push_back({by_label.const_data_ptr<int64_t>()[c], by_score.const_data_ptr<int64_t>()[c],
                              by_both.const_data_ptr<int64_t>()[c]});
  return result;
}

}  // namespace sotto::models

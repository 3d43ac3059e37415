#pragma once
// One loss per record from what a classifier or a tagger returns.

#include <ATen/core/Tensor.h>

#include <cstdint>

namespace sotto::models {

// scores [B, C], labels [B]        cross entropy of each record
// scores [B, T, C], labels [B, T]  mean over the record's own T tokens of the cross entropy of each
// Labels are int64, 0 to C - 1. Returns [B]. Throws UsageError for other numbers of dimensions.
at::Tensor record_losses(const at::Tensor& scores, const at::Tensor& labels);

// How many labels there are and how many are the index of the largest score.
struct Hits {
  int64_t labels = 0;
  int64_t correct = 0;
};
Hits count_hits(const at::Tensor& scores, const at::Tensor& labels);

}  // namespace sotto::models

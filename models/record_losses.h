#pragma once
// One loss per record from what a classifier or a tagger returns.

#include <ATen/core/Tensor.h>

#include <cstdint>

namespace sotto::models {

// scores [B, C], labels [B]        cross entropy of each record; with C = 1 and floating-point labels their squared
//                                  difference from the score
// scores [B, T, C], labels [B, T]  mean of these over the record's own T parts (tokens, texts)
// Classes are int64, 0 to C - 1. A part without a label, kNoPart, takes no part; a record of such parts alone has the
// loss 0. Returns [B]. Throws UsageError for other numbers of dimensions, and a regression with C != 1.
at::Tensor record_losses(const at::Tensor& scores, const at::Tensor& labels);
inline constexpr int64_t kNoPart = -100;  // as a floating-point label too

// How many labels there are and how many are the index of the largest score; and of class 1 alone, how many have it,
// for how many its score is the largest, and how many are both.
struct Hits {
  int64_t labels = 0;
  int64_t correct = 0;
  int64_t ones = 0, found_ones = 0, true_ones = 0;
};
Hits count_hits(const at::Tensor& scores, const at::Tensor& labels);

}  // namespace sotto::models

#pragma once
// One loss per record from what a classifier or a tagger returns.

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <vector>

namespace sotto::models {

// scores [B, C], labels [B]        cross entropy of each record; with C = 1 and floating-point labels their squared
//                                  difference from the score
// scores [B, T, C], labels [B, T]  mean of these over the record's own T parts (tokens, texts)
// Classes are int64, 0 to C - 1. A part without a label, kNoPart, takes no part; a record of such parts alone has the
// loss 0. Returns [B]. Throws UsageError for other numbers of dimensions, and a regression with C != 1.
at::Tensor record_losses(const at::Tensor& scores, const at::Tensor& labels);
inline constexpr int64_t kNoPart = -100;  // as a floating-point label too

// Of one class: how many labels are it, for how many it has the largest score, and how many are both.
struct ClassHits {
  int64_t labels = 0, found = 0, both = 0;
};

// How many labels there are, how many are the index of the largest score, and the same of each class.
struct Hits {
  int64_t labels = 0;
  int64_t correct = 0;
  std::vector<ClassHits> classes;

  Hits& operator+=(const Hits& more);
};
// For scores and labels as above, without kNoPart. Throws UsageError for labels that are no class of the scores.
Hits count_hits(const at::Tensor& scores, const at::Tensor& labels);

}  // namespace sotto::models

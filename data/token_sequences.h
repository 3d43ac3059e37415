#pragma once
// Sequences of tokens with labels, from two IDX files of integers (idx.h).

#include <cstdint>
#include <filesystem>
#include <vector>

namespace sotto::data {

struct LabelledSequences {
  std::int64_t count = 0;
  std::int64_t length = 0;
  bool labels_per_token = false;
  std::vector<std::int32_t> tokens;  // [count, length], 0 to vocabulary - 1
  std::vector<std::int32_t> labels;  // [count], or [count, length] when labels_per_token; 0 to classes - 1
};

// Reads a two-dimensional file of tokens, and one of labels with one dimension (a label for each sequence) or two (one
// for each token). `vocabulary` and `classes` are at least 1 and 2 (UsageError). Sizes that do not fit and values out
// of range are refused (DataError); the message tells a position and no value.
LabelledSequences read_labelled_sequences(const std::filesystem::path& tokens, const std::filesystem::path& labels,
                                          std::int64_t vocabulary, std::int64_t classes);

}  // namespace sotto::data

#pragma once
// The sizes of a BERT encoder, as config.json of a Hugging Face folder states them.

#include <cstdint>
#include <filesystem>

namespace sotto::models {

struct BertOptions {
  int64_t vocabulary = 30522;
  int64_t width = 384;
  int64_t layers = 6;
  int64_t heads = 12;  // divides width
  int64_t feed_forward = 1536;
  int64_t positions = 512;  // the most tokens of a text
  int64_t token_types = 2;
  double norm_epsilon = 1e-12;
  int64_t padding = 0;  // the id of [PAD]
};

// Throws UsageError naming the first size that is out of range, as read_bert_options() has them.
void check(const BertOptions& options);

// Numbers in an encoder of these sizes.
double parameter_count(const BertOptions& options);

// Above this a configuration is refused unread.
inline constexpr std::uintmax_t kMaxBertConfigBytes = 1 << 20;

// Reads config.json. Settings that change nothing here (of dropout, initialisation, heads of other tasks) are read
// over. Throws DataError naming file and key: no JSON object, a size that is missing, no integer or out of range,
// another kind of network than BERT's post-norm encoder with absolute positions and the exact GELU.
BertOptions read_bert_options(const std::filesystem::path& config);

}  // namespace sotto::models

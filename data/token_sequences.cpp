#include <fmt/format.h>
#include <sotto/data/idx.h>
#include <sotto/data/token_sequences.h>
#include <sotto/privacy/error.h>

#include <algorithm>

namespace sotto::data {
namespace {

void check_range(const IdxIntegers& file, const std::filesystem::path& path, const char* what, std::int64_t limit) {
  const auto wrong = std::ranges::find_if(file.values, [limit](std::int32_t v) { return v < 0 || v >= limit; });
  if (wrong == file.values.end()) return;
  const std::int64_t each = file.sizes.size() == 2 ? file.sizes[1] : 1;
  throw DataError(fmt::format("[read_labelled_sequences] {}: a {} of record {} is out of range; 0 to {} are allowed",
                              path.string(), what, (wrong - file.values.begin()) / each, limit - 1));
}

}  // namespace

LabelledSequences read_labelled_sequences(const std::filesystem::path& tokens, const std::filesystem::path& labels,
                                          std::int64_t vocabulary, std::int64_t classes) {
  if (vocabulary < 1 || classes < 2)
    throw UsageError(fmt::format("[read_labelled_sequences] vocabulary {} and classes {}; must be at least 1 and 2",
                                 vocabulary, classes));
  IdxIntegers sequences = read_idx_integers(tokens);
  if (sequences.sizes.size() != 2)
    throw DataError(fmt::format("[read_labelled_sequences] {}: {} dimension(s); tokens need 2 (count, length)",
                                tokens.string(), sequences.sizes.size()));
  IdxIntegers classes_of = read_idx_integers(labels);
  const bool per_token = classes_of.sizes == sequences.sizes;
  if (!per_token && (classes_of.sizes.size() != 1 || classes_of.sizes[0] != sequences.sizes[0]))
    throw DataError(
        fmt::format("[read_labelled_sequences] {} does not fit {}: labels need one number for each of the sequences, "
                    "or for each of their tokens",
                    labels.string(), tokens.string()));
  check_range(sequences, tokens, "token", vocabulary);
  check_range(classes_of, labels, "label", classes);
  return {.count = sequences.sizes[0],
          .length = sequences.sizes[1],
          .labels_per_token = per_token,
          .tokens = std::move(sequences.values),
          .labels = std::move(classes_of.values)};
}

}  // namespace sotto::data

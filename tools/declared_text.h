#pragma once
// What a run declares about its texts: where they are, what labels mean, who is protected, how they become tokens. From
// the flags or a preset; nothing is read from a record.

#include <sotto/data/public_split.h>
#include <sotto/data/text_table.h>
#include <sotto/data/tokenizer.h>
#include <sotto/tools/train_options.h>

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>

namespace sotto::tools {

struct DeclaredText {
  std::filesystem::path train;  // empty for a preset, whose file is looked for when it is read
  std::filesystem::path test;   // empty: none, or a split of `train`
  data::TextFormat test_format = data::TextFormat::tsv;
  std::optional<data::PublicSplit> split;  // of `train`
  data::TextTableOptions table;            // with a rule of labels
  int64_t size = 0;                        // declared: of records, or of groups
  int64_t texts_per_group = 0;             // at most; 0: the unit of privacy is a record
  int64_t max_tokens = 0;
  bool from_scratch = false;  // the tokenizer is a public list, and no folder's
  bool centred = false;       // the mean of the records' vectors is released by a step, and subtracted
  data::PlainTokenizer::Unit unit = data::PlainTokenizer::Unit::words;

  const data::LabelRule& labels() const { return *table.labels; }
  int64_t classes() const;  // 1 for a regression
};

// Throws UsageError for a flag that is missing, out of range or has no place.
DeclaredText declared_text(const TrainOptions& options);

// For people: "one record", or "one group: all texts with ...".
std::string unit_of_privacy(const DeclaredText& text);
// What a group is, a clause; there must be groups.
std::string group_definition(const DeclaredText& text);

}  // namespace sotto::tools

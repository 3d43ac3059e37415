#pragma once
// Texts with labels and groups, as the user declared them: nothing is learnt from the records.
//
// Refused, with file and line but never with what the record holds, which is private: an empty text (nothing but
// blanks), a label that the rule does not name, an empty group, bytes that are not UTF-8, another number of fields, and
// whatever else text_records.h refuses. The first kMostRefused records are told at once.
//
// WHO IS PROTECTED. Without a group column it is one record. With one it is one group, all records of a person or a
// document, of which at most max_per_group stay (group_bound.h). What stays of a group, and whether a record of its
// stays, depends on no other group: removing a group removes what it contributed and changes nothing else.

#include <sotto/data/label_rule.h>
#include <sotto/data/text_records.h>
#include <sotto/data/text_report.h>

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace sotto::data {

// Files with more records are refused.
inline constexpr std::int64_t kMaxTextRecords = 100'000'000;
inline constexpr std::size_t kMostRefused = 10;

struct TextTableOptions {
  TextFormat format = TextFormat::tsv;
  bool header = true;       // of formats with a header
  std::string text_column;  // name, or number where there is no header; empty for the format `lines`

  // Both or none: without them the texts carry no labels.
  std::string label_column = {};
  std::optional<LabelRule> labels = std::nullopt;

  std::string group_column = {};   // empty: no groups
  std::string group_up_to = {};    // the group is the field up to the first of this text, which must be there
  std::int64_t max_per_group = 0;  // at least 1 with a group column
  std::uint64_t group_seed = 0;    // of the choice which records of a group stay; public

  // Leaves out a record whose text and label, and group where there are groups, an earlier record has. Only such
  // repeats can be left out for free: were a text left out for being in another group, or under another label, then
  // removing one record would bring back another.
  bool drop_repeats = false;
  // Whether a record is a public test (public_split.h): it is left out for repeating another test alone,
  // and what repeats a test is left out wherever it stands. Otherwise the tests would tell of records that are none.
  // No record is one unless given; has no place with a group column, where the side of a copy is that of its group.
  std::function<bool(std::int64_t number, std::string_view text)> is_test = {};

  std::int64_t max_bytes = kMaxTextFileBytes;
  std::int64_t max_records = kMaxTextRecords;
};

// Texts are held once, each as a string of its own with up to 24 bytes beside it, 40 while the file is read. Everything
// in it is private, its sizes too.
struct TextTable {
  std::vector<std::string> texts;        // [count], UTF-8
  std::vector<double> labels;            // [count]: the class, or the number of a range; empty without labels
  std::vector<std::int64_t> numbers;     // [count]: of the record in the file, from 1, header and empty lines apart
  std::vector<std::int64_t> groups;      // [count]: 0 to group_names.size() - 1; empty without groups
  std::vector<std::string> group_names;  // every group holds a record
  TextReport report;

  std::int64_t count() const { return static_cast<std::int64_t>(texts.size()); }
};

// Throws UsageError for options that contradict each other, DataError as said above and for a file that holds no record
// or of which the rule of labels keeps none. Time is that of sorting the texts.
TextTable read_text_table(const std::filesystem::path& path, const TextTableOptions& options);

}  // namespace sotto::data

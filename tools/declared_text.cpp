#include <fmt/format.h>
#include <sotto/data/text_preset.h>
#include <sotto/privacy/error.h>
#include <sotto/privacy/event.h>
#include <sotto/tools/declared_text.h>
#include <sotto/tools/model_flags.h>
#include <sotto/tools/numbers.h>

#include <string_view>

namespace sotto::tools {
namespace {

constexpr int64_t kDefaultSeed = 1;
constexpr int64_t kDefaultMaxTokens = 128;
constexpr int64_t kMostTokens = 1 << 16;
constexpr int64_t kMostPerGroup = 1 << 20;

[[noreturn]] void refuse(const char* flag, const std::string& what) {
  throw UsageError(fmt::format("[{}] {}", flag, what));
}

data::TextFormat format_of(const TrainOptions& o, const std::string& file) {
  if (const auto format = data::format_of(o.data_format, file)) return *format;
  if (!o.data_format.empty())
    refuse("--data-format",
           fmt::format("unknown value: '{}'; allowed are {}", o.data_format, data::kFormatsWithColumns));
  refuse("--data-format",
         fmt::format("missing: the ending of {} is none of .tsv, .csv, .jsonl (or these with .gz)", file));
}

// --data-format is that of the records, and of tests in a file with the same ending or with one that tells nothing.
data::TextFormat test_format_of(const TrainOptions& o) {
  const auto of_tests = data::format_of("", o.test_data), of_records = data::format_of("", o.data);
  return of_tests && of_tests != of_records ? *of_tests : format_of(o, o.test_data);
}

// Keys of what a preset declares.
constexpr const char* kDeclaredByPreset[] = {
    "data",         "test-data", "test-fraction", "split-seed",  "data-format",   "no-header",   "text-column",
    "label-column", "labels",    "group-column",  "group-up-to", "max-per-group", "drop-repeats"};

void check_preset(const TrainOptions& o, const data::TextPreset& preset) {
  for (const char* name : kDeclaredByPreset) {
    const TrainKey* key = find_train_key(name);
    SOTTO_ASSERT(key != nullptr);
    if (key->get(o))
      refuse(fmt::format("--{}", name).c_str(), fmt::format("has no place with a preset: {} declares it", preset.name));
  }
  if (o.dataset_size && *o.dataset_size != preset.train_size)
    refuse("--dataset-size", fmt::format("bad value: {}; {} is declared to have {} records", *o.dataset_size,
                                         preset.name, preset.train_size));
}

void take_preset(const data::TextPreset& preset, DeclaredText& result) {
  result.split.emplace(preset.test_fraction, preset.split_seed, data::PublicSplit::By::number);
  result.table = {.format = preset.format,
                  .header = preset.header,
                  .text_column = preset.text_column,
                  .label_column = preset.label_column,
                  .labels = data::LabelRule::parse(preset.labels),
                  .drop_repeats = preset.drop_repeats};
  result.size = preset.train_size;
}

void require_given(const char* flag, bool given, const char* reason) {
  if (!given) refuse(flag, fmt::format("missing: {}", reason));
}

void take_groups(const TrainOptions& o, DeclaredText& result) {
  if (o.group_column.empty()) {
    if (o.max_per_group || !o.group_up_to.empty())
      refuse(o.max_per_group ? "--max-per-group" : "--group-up-to", "has no effect without --group-column");
    return;
  }
  require_given(
      "--max-per-group", o.max_per_group.has_value(),
      "how many texts of a group are used must be declared, because it may not follow from the largest group");
  check_range("--max-per-group", *o.max_per_group, 1, kMostPerGroup);
  result.table.group_column = o.group_column;
  result.table.group_up_to = o.group_up_to;
  result.table.max_per_group = *o.max_per_group;
  result.texts_per_group = *o.max_per_group;
}

void take_own(const TrainOptions& o, DeclaredText& result) {
  require_given("--text-column", !o.text_column.empty(), "which column holds the texts");
  require_given("--label-column", !o.label_column.empty(), "which column holds the labels");
  require_given(
      "--labels", !o.labels.empty(),
      "what labels mean must be declared, such as 'negative, positive', because it may not be learnt from the "
      "records");
  require_given(
      "--dataset-size", o.dataset_size.has_value(),
      "the size of your own data must be declared, because sampling rate, steps and delta may not depend on a "
      "count of the private file");
  check_range("--dataset-size", *o.dataset_size, 1, privacy::kMaxCount);
  if (o.split_seed && !o.test_fraction && o.group_column.empty())
    refuse("--split-seed", "has no effect: it chooses tests (--test-fraction), and which texts of a group are used");
  const int64_t seed = o.split_seed.value_or(kDefaultSeed);
  check_range("--split-seed", seed, 0, privacy::kMaxCount);
  if (o.test_fraction && !o.test_data.empty())
    refuse("--test-fraction", "and --test-data exclude each other: test texts come from one place");
  if (o.test_fraction && !(*o.test_fraction > 0 && *o.test_fraction < 1))
    refuse("--test-fraction", fmt::format("bad value: {}; must be above 0 and below 1", *o.test_fraction));
  result.train = o.data;
  result.test = o.test_data;
  if (o.test_fraction)
    result.split.emplace(*o.test_fraction, static_cast<std::uint64_t>(seed), data::PublicSplit::By::text);
  result.table = {.format = format_of(o, o.data),
                  .header = !o.no_header,
                  .text_column = o.text_column,
                  .label_column = o.label_column,
                  .labels = data::LabelRule::parse(o.labels),
                  .group_seed = static_cast<std::uint64_t>(seed),
                  .drop_repeats = o.drop_repeats};
  if (o.no_header && result.table.format == data::TextFormat::jsonl)
    refuse("--no-header", "has no effect: objects name their fields");
  if (!o.test_data.empty()) result.test_format = test_format_of(o);
  result.size = *o.dataset_size;
  take_groups(o, result);
}

void take_tokenizer(const TrainOptions& o, DeclaredText& result) {
  result.max_tokens = o.max_tokens.value_or(kDefaultMaxTokens);
  result.centred = o.centre;
  result.from_scratch = is_text_network(o.model);
  const int64_t least = !result.from_scratch ? 3 : o.model == "small-encoder" ? 2 : 1;  // [CLS], a token, [SEP]
  check_range("--max-tokens", result.max_tokens, least, kMostTokens);
  if (!result.from_scratch) {
    if (!o.vocabulary.empty() || !o.tokenizer.empty())
      refuse(o.vocabulary.empty() ? "--tokenizer" : "--vocabulary",
             fmt::format("has no effect: the folder of --model {} holds its own tokenizer", o.model));
    return;
  }
  require_given(
      "--vocabulary", !o.vocabulary.empty(),
      "a network from scratch takes its tokens from a public list that you give; one made from the records would "
      "tell which words occur in them");
  if (o.tokenizer == "characters")
    result.unit = data::PlainTokenizer::Unit::characters;
  else if (!o.tokenizer.empty() && o.tokenizer != "words")
    refuse("--tokenizer", fmt::format("unknown value: '{}'; allowed are words, characters", o.tokenizer));
}

}  // namespace

int64_t DeclaredText::classes() const {
  return labels().is_range() ? 1 : static_cast<int64_t>(labels().class_names().size());
}

DeclaredText declared_text(const TrainOptions& o) {
  DeclaredText result;
  if (const data::TextPreset* preset = data::find_text_preset(o.dataset)) {
    check_preset(o, *preset);
    take_preset(*preset, result);
  } else {
    take_own(o, result);
  }
  if (result.split && result.table.group_column.empty())
    result.table.is_test = [split = *result.split](std::int64_t number, std::string_view words) {
      return split.tests_record(number, words);
    };
  take_tokenizer(o, result);
  return result;
}

std::string unit_of_privacy(const DeclaredText& text) {
  return text.texts_per_group == 0 ? "one record" : "one group: " + group_definition(text);
}

std::string group_definition(const DeclaredText& text) {
  const std::string end =
      text.table.group_up_to.empty() ? "" : fmt::format(" up to the first '{}'", text.table.group_up_to);
  return fmt::format("all texts with the same {}{}, of which at most {} are used", text.table.group_column, end,
                     text.texts_per_group);
}

}  // namespace sotto::tools

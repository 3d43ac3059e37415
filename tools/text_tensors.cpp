#include <ATen/ops/full.h>
#include <ATen/ops/zeros.h>
#include <fmt/format.h>
#include <sotto/data/dataset.h>
#include <sotto/data/text_preset.h>
#include <sotto/models/record_losses.h>
#include <sotto/privacy/error.h>
#include <sotto/tools/text_tensors.h>

#include <algorithm>
#include <cstddef>
#include <ostream>
#include <vector>

namespace sotto::tools {
namespace {

using Places = std::vector<std::size_t>;

constexpr int64_t kWidthStep = 16;

std::filesystem::path file_of(const DeclaredText& text, const std::string& preset) {
  if (preset.empty()) return text.train;
  return data::find_text_file(*data::find_text_preset(preset), data::data_folders());
}

// Rows of one record each.
std::vector<Places> one_by_one(const Places& places) {
  std::vector<Places> result;
  for (const std::size_t place : places) result.push_back({place});
  return result;
}

std::vector<Places> by_group(const data::TextTable& table, const Places& places) {
  std::vector<Places> groups(table.group_names.size());
  for (const std::size_t place : places) groups[static_cast<std::size_t>(table.groups[place])].push_back(place);
  std::erase_if(groups, [](const Places& group) { return group.empty(); });
  return groups;
}

Places all_places(const data::TextTable& table) {
  Places result(table.texts.size());
  for (std::size_t i = 0; i < result.size(); ++i) result[i] = i;
  return result;
}

struct Encoded {
  RecordTensors records;  // inputs [records, texts, length], widths
  int64_t cut = 0;        // texts with more tokens than are used
};

// The width at which a text is computed: its tokens, at least one, rounded up to a multiple of 16, and at most
// max_tokens.
int64_t text_width(int64_t tokens, int64_t max_tokens) {
  return std::min((std::max<int64_t>(tokens, 1) + kWidthStep - 1) / kWidthStep * kWidthStep, max_tokens);
}

// records[i]: the places of the texts of record i, at most `per_record`.
Encoded encode(const std::vector<std::string>& texts, const std::vector<Places>& records, int64_t per_record,
               const data::Tokenizer& tokenizer, int64_t max_tokens) {
  const auto count = static_cast<int64_t>(records.size());
  std::vector<std::vector<data::TokenIds>> ids(records.size());
  Encoded result{.records = {.inputs = {}, .labels = {}, .widths = at::zeros({count}, at::kLong)}};
  int64_t* const widths = result.records.widths.mutable_data_ptr<int64_t>();
  int64_t widest = 1;
  for (std::size_t i = 0; i < records.size(); ++i) {
    for (const std::size_t place : records[i]) {
      data::TokenIds& text =
          ids[i].emplace_back(data::encode(tokenizer, texts[place], static_cast<std::size_t>(max_tokens)));
      result.cut += text.truncated ? 1 : 0;
      widths[i] = std::max(widths[i], text_width(static_cast<int64_t>(text.ids.size()), max_tokens));
    }
    widest = std::max(widest, widths[i]);
  }
  require_memory({count, per_record, widest}, sizeof(int32_t),
                 per_record > 1 ? "[--max-per-group] as many texts for each group do not fit into this machine's "
                                  "memory; less is kept with fewer of them, or with fewer --max-tokens"
                                : "[--max-tokens] the tokens of these texts do not fit into this machine's memory; "
                                  "fewer tokens of each text do");
  result.records.inputs = at::full({count, per_record, widest}, data::pad_id(tokenizer), at::kInt);
  int32_t* const inputs = result.records.inputs.mutable_data_ptr<int32_t>();
  for (std::size_t i = 0; i < ids.size(); ++i)
    for (std::size_t t = 0; t < ids[i].size(); ++t)
      std::ranges::copy(ids[i][t].ids,
                        inputs + (i * static_cast<std::size_t>(per_record) + t) * static_cast<std::size_t>(widest));
  return result;
}

// labels [records, texts].
at::Tensor labels_of(const data::TextTable& table, const std::vector<Places>& records, int64_t per_record,
                     const data::LabelRule& rule) {
  at::Tensor result = at::full({static_cast<int64_t>(records.size()), per_record}, models::kNoPart,
                               rule.is_range() ? at::kFloat : at::kLong);
  for (std::size_t i = 0; i < records.size(); ++i)
    for (std::size_t t = 0; t < records[i].size(); ++t) {
      const double label = table.labels[records[i][t]];
      const std::size_t at = i * static_cast<std::size_t>(per_record) + t;
      if (rule.is_range())
        result.mutable_data_ptr<float>()[at] =
            static_cast<float>(2 * (label - rule.low()) / (rule.high() - rule.low()) - 1);
      else
        result.mutable_data_ptr<int64_t>()[at] = static_cast<int64_t>(label);
    }
  return result;
}

Encoded labelled(const data::TextTable& table, const std::vector<Places>& records, int64_t per_record,
                 const DeclaredText& text, const data::Tokenizer& tokenizer) {
  Encoded result = encode(table.texts, records, per_record, tokenizer, text.max_tokens);
  result.records.labels = labels_of(table, records, per_record, text.labels());
  return result;
}

// Without the dimension of the texts of a record.
RecordTensors flat(RecordTensors records) {
  records.inputs = records.inputs.squeeze(1);
  if (records.labels.defined()) records.labels = records.labels.squeeze(1);
  return records;
}

}  // namespace

RecordTensors training_texts(const DeclaredText& text, const std::string& preset, const data::Tokenizer& tokenizer,
                             std::ostream& terminal) {
  const std::filesystem::path path = file_of(text, preset);
  const data::TextTable table = data::read_text_table(path, text.table);
  terminal << data::terminal_text(table.report);
  const Places places = text.split ? text.split->sides(table).train : all_places(table);
  if (places.empty())
    throw DataError(fmt::format("[train] no record of {} is on the training side of the split", path.string()));
  const bool groups = text.texts_per_group > 0;
  const std::vector<Places> rows = groups ? by_group(table, places) : one_by_one(places);
  terminal << fmt::format("  {} to train on{}\n", rows.size(), groups ? " (groups)" : "");
  Encoded result = labelled(table, rows, groups ? text.texts_per_group : 1, text, tokenizer);
  if (result.cut > 0)
    terminal << fmt::format("{} of {} texts have more than {} tokens and are cut there (--max-tokens)\n", result.cut,
                            places.size(), text.max_tokens);
  return groups ? std::move(result.records) : flat(std::move(result.records));
}

std::optional<RecordTensors> test_texts(const DeclaredText& text, const std::string& preset,
                                        const data::Tokenizer& tokenizer) {
  if (!text.split && text.test.empty()) return std::nullopt;
  const std::filesystem::path path = text.test.empty() ? file_of(text, preset) : text.test;
  data::TextTableOptions options = text.table;
  if (!text.test.empty()) options.format = text.test_format;
  const data::TextTable table = data::read_text_table(path, options);
  const Places places = text.test.empty() ? text.split->sides(table).test : all_places(table);
  if (places.empty())
    throw DataError(fmt::format("[train] no record of {} is on the test side of the split", path.string()));
  return flat(labelled(table, one_by_one(places), 1, text, tokenizer).records);
}

RecordShape text_shape(const DeclaredText& text, const data::Tokenizer& tokenizer) {
  RecordShape result{.sizes = {text.max_tokens},
                     .type = {.tokens = true, .vocabulary = data::vocabulary_size(tokenizer)},
                     .classes = text.classes(),
                     .regression = text.labels().is_range()};
  if (text.texts_per_group > 0) {
    result.sizes.insert(result.sizes.begin(), text.texts_per_group);
    result.label_sizes = {text.texts_per_group};
  }
  return result;
}

RecordTensors token_tensors(const std::vector<std::string>& texts, const data::Tokenizer& tokenizer,
                            int64_t max_tokens) {
  Places places(texts.size());
  for (std::size_t i = 0; i < places.size(); ++i) places[i] = i;
  return flat(encode(texts, one_by_one(places), 1, tokenizer, max_tokens).records);
}

}  // namespace sotto::tools

#include <fmt/format.h>
#include <sotto/data/input_file.h>
#include <sotto/data/tokenizer_config.h>
#include <sotto/privacy/json_node.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <string_view>
#include <utility>
#include <variant>

namespace sotto::data {
namespace {

using privacy::is_off;
using privacy::JsonNode;
using privacy::JsonValue;
using privacy::shown;

constexpr const char* kFunction = "read_tokenizer_config";
constexpr std::size_t kMostKeys = 1000;

// Settings that decide nothing about the ids of one text without padding.
constexpr std::array<std::string_view, 20> kReadOver = {"backend",
                                                        "clean_up_tokenization_spaces",
                                                        "from_slow",
                                                        "full_tokenizer_file",
                                                        "is_local",
                                                        "max_len",
                                                        "max_length",
                                                        "model_input_names",
                                                        "model_max_length",
                                                        "name_or_path",
                                                        "pad_to_multiple_of",
                                                        "pad_token_type_id",
                                                        "padding_side",
                                                        "processor_class",
                                                        "special_tokens_map_file",
                                                        "stride",
                                                        "tokenizer_file",
                                                        "transformers_version",
                                                        "truncation_strategy",
                                                        "use_fast"};

constexpr std::pair<const char*, const char*> kTokens[] = {{"unk_token", "[UNK]"},
                                                           {"sep_token", "[SEP]"},
                                                           {"pad_token", "[PAD]"},
                                                           {"cls_token", "[CLS]"},
                                                           {"mask_token", "[MASK]"}};

// A text, or the object of a token, whose flags must be those of a token of BERT.
std::string token_of(const JsonNode& root, std::string_view key, const JsonValue& value) {
  if (const auto* text = std::get_if<std::string>(&value.value)) return *text;
  if (!std::holds_alternative<JsonValue::Object>(value.value)) root.refuse(key, value, "a text");
  JsonNode token = root.inside(key, value);
  auto content = token.need<std::string>("content", "a text");
  token.demand_if_given("__type", {JsonValue{"AddedToken"}});
  for (const char* unused : {"special", "normalized", "id"}) token.take(unused);
  for (const char* flag : {"single_word", "lstrip", "rstrip"}) token.demand_if_given(flag, {JsonValue{false}});
  token.end();
  return content;
}

void check_added(JsonNode& root) {
  const JsonValue* added = root.take("added_tokens_decoder");
  if (added == nullptr || is_off(*added)) return;
  const JsonNode node = root.inside("added_tokens_decoder", *added);
  for (const auto& [id, value] : node.members()) {
    const std::string content = token_of(node, id, value);
    if (std::ranges::none_of(kTokens, [&](const auto& token) { return content == token.second; }))
      node.refuse(id, fmt::format("adds the token {}; only [UNK], [SEP], [PAD], [CLS] and [MASK] are added here",
                                  shown(content)));
  }
}

JsonValue parsed(const std::filesystem::path& path, const std::string& text) {
  return privacy::parse_settings(kFunction, path, text, kMaxTokenizerConfigBytes, kMostKeys);
}

// From which end a text that is too long is cut decides its ids.
void demand_right_truncation(JsonNode& root) {
  root.demand_if_given("truncation_side", {JsonValue{"right"}});
}

}  // namespace

BertTextSettings parse_tokenizer_config(const std::filesystem::path& path, const std::string& text) {
  const JsonValue document = parsed(path, text);
  JsonNode root(kFunction, path, "", document);
  BertTextSettings settings;
  settings.lowercase = root.flag("do_lower_case", settings.lowercase);
  settings.handle_chinese_chars = root.flag("tokenize_chinese_chars", settings.handle_chinese_chars);
  if (root.take("strip_accents") != nullptr) settings.strip_accents = root.flag_or_null("strip_accents");
  root.demand_if_given("do_basic_tokenize", {JsonValue{true}});
  demand_right_truncation(root);
  if (const JsonValue* kind = root.take("tokenizer_class"); kind != nullptr && !is_off(*kind))
    root.demand("tokenizer_class", {JsonValue{"BertTokenizer"}, JsonValue{"BertTokenizerFast"}});
  for (const auto& [key, name] : kTokens) {
    const JsonValue* value = root.take(key);
    if (value == nullptr || is_off(*value)) continue;
    if (const std::string token = token_of(root, key, *value); token != name)
      root.refuse(key, JsonValue{token}, shown(std::string(name)));
  }
  check_added(root);
  for (const std::string_view unused : kReadOver) root.take(unused);
  root.end_with_rest_off();
  return settings;
}

BertTextSettings read_tokenizer_config(const std::filesystem::path& path) {
  return parse_tokenizer_config(path, beginning_of(path, kMaxTokenizerConfigBytes + 1));
}

void require_same_text(const std::filesystem::path& path, const BertTextSettings& of_tokenizer) {
  const JsonValue document = parsed(path, beginning_of(path, kMaxTokenizerConfigBytes + 1));
  JsonNode root(kFunction, path, "", document);
  const auto demand = [&](const char* key, bool value) { root.demand_if_given(key, {JsonValue{value}}); };
  demand("do_lower_case", of_tokenizer.lowercase);
  demand("tokenize_chinese_chars", of_tokenizer.handle_chinese_chars);
  if (const JsonValue* strip = root.take("strip_accents");
      strip != nullptr && !std::holds_alternative<std::nullptr_t>(strip->value))
    demand("strip_accents", of_tokenizer.strips_accents());
  demand_right_truncation(root);
}

}  // namespace sotto::data

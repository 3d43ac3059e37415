#include <fmt/format.h>
#include <sotto/data/input_file.h>
#include <sotto/data/tokenizer_file.h>
#include <sotto/privacy/json_node.h>

#include <algorithm>
#include <optional>
#include <utility>

namespace sotto::data {
namespace {

using privacy::JsonValue;
using privacy::shown;

using Node = privacy::JsonNode;

constexpr const char* kFunction = "read_tokenizer_file";

BertTextSettings normaliser(Node node) {
  BertTextSettings settings;
  node.demand("type", {JsonValue{"BertNormalizer"}});
  settings.clean_text = node.flag("clean_text");
  settings.handle_chinese_chars = node.flag("handle_chinese_chars");
  settings.lowercase = node.flag("lowercase");
  settings.strip_accents = node.flag_or_null("strip_accents");
  node.end();
  return settings;
}

Vocabulary vocabulary(const std::filesystem::path& path, Node model) {
  model.demand_if_given("type", {JsonValue{"WordPiece"}});
  model.demand("unk_token", {JsonValue{"[UNK]"}});
  model.demand("continuing_subword_prefix", {JsonValue{"##"}});
  model.demand("max_input_chars_per_word", {JsonValue{std::int64_t{100}}});
  const auto& entries = model.need<JsonValue::Object>("vocab", "an object");
  std::vector<std::string> tokens(entries.size());
  std::vector<bool> there(entries.size());
  for (const auto& [token, value] : entries) {
    const auto* id = std::get_if<std::int64_t>(&value.value);
    if (id == nullptr || *id < 0 || std::cmp_greater_equal(*id, tokens.size()) || there[static_cast<std::size_t>(*id)])
      model.refuse("vocab", fmt::format("has the id {} for {}; the ids of {} tokens are 0 to {}, each once",
                                        shown(value), shown(token), tokens.size(), tokens.size() - 1));
    tokens[static_cast<std::size_t>(*id)] = token;
    there[static_cast<std::size_t>(*id)] = true;
  }
  model.end();
  return {std::move(tokens), path.string()};
}

std::int32_t added_token(Node token, const Vocabulary& vocabulary) {
  const auto& content = token.need<std::string>("content", "a text");
  const auto id = token.need<std::int64_t>("id", "an integer");
  const auto known = vocabulary.find(content);
  if (!known || *known != id)
    token.refuse(fmt::format("gives {} the id {}; the model's vocabulary has {}", shown(content), id,
                             known ? fmt::format("{} for it", *known) : "no such token"));
  token.flag("special");
  for (const char* flag : {"single_word", "lstrip", "rstrip", "normalized"}) token.demand(flag, {JsonValue{false}});
  token.end();
  return *known;
}

// {"SpecialToken": {"id": NAME, ...}} or {"Sequence": {"id": NAME, ...}}
bool is_part(const JsonValue& part, std::string_view kind, std::string_view name) {
  const auto* object = std::get_if<JsonValue::Object>(&part.value);
  if (object == nullptr || object->size() != 1 || object->front().key != kind) return false;
  const auto* inside = std::get_if<JsonValue::Object>(&object->front().value.value);
  if (inside == nullptr) return false;
  const auto id = std::ranges::find(*inside, "id", &privacy::JsonMember::key);
  if (id == inside->end()) return false;
  const auto* text = std::get_if<std::string>(&id->value.value);
  return text != nullptr && *text == name;
}

// Which id the template puts for [CLS] or [SEP].
void check_template_token(Node tokens, const char* name, const Vocabulary& vocabulary) {
  Node token = tokens.inside(name);
  const auto& ids = token.need<JsonValue::Array>("ids", "an array");
  const auto* id = ids.size() == 1 ? std::get_if<std::int64_t>(&ids[0].value) : nullptr;
  if (id == nullptr || *id != vocabulary.need(name))
    token.refuse("ids", fmt::format("do not hold the id {} of {} alone", vocabulary.need(name), name));
}

void check_bert_token(Node& post, const char* key, const char* name, const Vocabulary& vocabulary) {
  const auto& pair = post.need<JsonValue::Array>(key, "an array");
  const auto* text = pair.size() == 2 ? std::get_if<std::string>(&pair[0].value) : nullptr;
  const auto* id = pair.size() == 2 ? std::get_if<std::int64_t>(&pair[1].value) : nullptr;
  if (text == nullptr || *text != name || id == nullptr || *id != vocabulary.need(name))
    post.refuse(key, fmt::format("is not the token {} with its id {}", name, vocabulary.need(name)));
}

void check_post_processor(Node post, const Vocabulary& vocabulary) {
  const auto& type = post.need<std::string>("type", "a text");
  if (type == "BertProcessing") {
    check_bert_token(post, "cls", "[CLS]", vocabulary);
    check_bert_token(post, "sep", "[SEP]", vocabulary);
  } else if (type == "TemplateProcessing") {
    const auto& single = post.need<JsonValue::Array>("single", "an array");
    if (single.size() != 3 || !is_part(single[0], "SpecialToken", "[CLS]") || !is_part(single[1], "Sequence", "A") ||
        !is_part(single[2], "SpecialToken", "[SEP]"))
      post.refuse("single", "must be [CLS] A [SEP]");
    for (const char* name : {"[CLS]", "[SEP]"}) check_template_token(post.inside("special_tokens"), name, vocabulary);
    post.take("pair");
  } else {
    post.refuse("type", JsonValue{type}, "'TemplateProcessing' or 'BertProcessing'");
  }
  post.end();
}

}  // namespace

TokenizerFile parse_tokenizer_file(const std::filesystem::path& path, const std::string& text) {
  const JsonValue document = privacy::parse_settings(kFunction, path, text, kMaxVocabularyBytes, kMaxVocabularyTokens);
  Node root(kFunction, path, "", document);
  root.demand("version", {JsonValue{"1.0"}});
  Vocabulary tokens = vocabulary(path, root.inside("model"));
  TokenizerFile file{.vocabulary = std::move(tokens), .text = normaliser(root.inside("normalizer")), .added = {}};
  Node splitter = root.inside("pre_tokenizer");
  splitter.demand("type", {JsonValue{"BertPreTokenizer"}});
  splitter.end();
  check_post_processor(root.inside("post_processor"), file.vocabulary);
  const auto& added = root.need<JsonValue::Array>("added_tokens", "an array");
  for (const JsonValue& token : added)
    file.added.push_back(added_token(root.element("added_tokens", file.added.size(), token), file.vocabulary));
  for (const char* unused : {"truncation", "padding", "decoder"}) root.take(unused);
  root.end();
  return file;
}

TokenizerFile read_tokenizer_file(const std::filesystem::path& path) {
  return parse_tokenizer_file(path, beginning_of(path, kMaxVocabularyBytes + 1));
}

}  // namespace sotto::data

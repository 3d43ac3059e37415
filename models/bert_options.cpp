#include <fmt/format.h>
#include <sotto/models/bert_options.h>
#include <sotto/models/file_bytes.h>
#include <sotto/privacy/error.h>
#include <sotto/privacy/json_node.h>

namespace sotto::models {
namespace {

using privacy::JsonValue;

constexpr const char* kFunction = "read_bert_options";
constexpr std::size_t kMostKeys = 100'000;  // label2id of a classifier may have many

// A size of BertOptions, its key in config.json and its range.
struct Size {
  int64_t BertOptions::*member;
  const char* name;
  const char* key;
  int64_t least, most;
};
constexpr Size kSizes[] = {
    {&BertOptions::vocabulary, "vocabulary", "vocab_size", 1, 10'000'000},
    {&BertOptions::width, "width", "hidden_size", 1, 65'536},
    {&BertOptions::layers, "layers", "num_hidden_layers", 1, 1'000},
    {&BertOptions::heads, "heads", "num_attention_heads", 1, 65'536},
    {&BertOptions::feed_forward, "feed_forward", "intermediate_size", 1, 1'000'000},
    {&BertOptions::positions, "positions", "max_position_embeddings", 2, 1'000'000},
    {&BertOptions::token_types, "token_types", "type_vocab_size", 1, 1'000},
};

}  // namespace

void check(const BertOptions& options) {
  for (const auto& [member, name, key, least, most] : kSizes)
    if (options.*member < least || options.*member > most)
      throw UsageError(fmt::format("[Bert] {}: {}; must be {} to {}", name, options.*member, least, most));
  if (options.width % options.heads != 0)
    throw UsageError(fmt::format("[Bert] heads: {}; must divide width, {}", options.heads, options.width));
  if (!(options.norm_epsilon > 0 && options.norm_epsilon < 1))
    throw UsageError(fmt::format("[Bert] norm_epsilon: {}; must be in (0, 1)", options.norm_epsilon));
  if (options.padding < 0 || options.padding >= options.vocabulary)
    throw UsageError(fmt::format("[Bert] padding: {}; must be 0 to {}", options.padding, options.vocabulary - 1));
}

double parameter_count(const BertOptions& o) {
  const auto real = [](int64_t size) { return static_cast<double>(size); };
  const double width = real(o.width), inner = real(o.feed_forward);
  const double embeddings = (real(o.vocabulary) + real(o.positions) + real(o.token_types) + 2) * width;
  return embeddings + real(o.layers) * (width * (4 * width + 2 * inner + 9) + inner);
}

BertOptions read_bert_options(const std::filesystem::path& path) {
  const JsonValue document = privacy::parse_settings(
      kFunction, path, beginning_of(kFunction, path, kMaxBertConfigBytes + 1), kMaxBertConfigBytes, kMostKeys);
  privacy::JsonNode config(kFunction, path, "", document);
  config.demand("model_type", {JsonValue{"bert"}});
  config.demand("hidden_act", {JsonValue{"gelu"}});
  config.demand_if_given("position_embedding_type", {JsonValue{"absolute"}});
  for (const char* flag : {"is_decoder", "add_cross_attention"}) config.demand_if_given(flag, {JsonValue{false}});
  BertOptions result;
  for (const auto& [member, name, key, least, most] : kSizes) result.*member = config.integer(key, least, most);
  if (const JsonValue* given = config.take("layer_norm_eps")) {
    result.norm_epsilon = as_number(*given).value_or(0);
    if (!(result.norm_epsilon > 0 && result.norm_epsilon < 1))
      config.refuse("layer_norm_eps", *given, "a number in (0, 1)");
  }
  result.padding = 0;
  if (config.take("pad_token_id") != nullptr) result.padding = config.integer("pad_token_id", 0, result.vocabulary - 1);
  if (result.width % result.heads != 0)
    config.refuse("num_attention_heads",
                  fmt::format("is {}; must divide 'hidden_size', {}", result.heads, result.width));
  return result;
}

}  // namespace sotto::models

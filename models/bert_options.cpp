#include <fmt/format.h>
#include <sotto/models/bert_options.h>
#include <sotto/privacy/error.h>

#include <cmath>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <string>

namespace sotto::models {
namespace {

class Config {
 public:
  explicit Config(const std::filesystem::path& path) : path_(path) {
    std::error_code error;
    const std::uintmax_t bytes = std::filesystem::file_size(path, error);
    if (error) refuse(fmt::format("cannot be read: {}", error.message()));
    if (bytes > kMaxBertConfigBytes)
      refuse(fmt::format("it has {} bytes; must be at most {}", bytes, kMaxBertConfigBytes));
    std::ifstream file(path, std::ios::binary);
    const std::string text{std::istreambuf_iterator<char>(file), {}};
    if (!file) refuse("cannot be read");
    json_ = nlohmann::json::parse(text, nullptr, /*allow_exceptions=*/false);
    if (!json_.is_object()) refuse("it is not a JSON object");
  }

  int64_t size(const char* key, int64_t least, int64_t most) const {
    const auto found = json_.find(key);
    if (found == json_.end()) refuse(fmt::format("'{}' is missing", key));
    if (!found->is_number_integer() || *found < least || *found > most)
      refuse(fmt::format("'{}' is {}; must be an integer from {} to {}", key, found->dump(), least, most));
    return found->get<int64_t>();
  }
  int64_t size(const char* key, int64_t least, int64_t most, int64_t otherwise) const {
    return json_.contains(key) ? size(key, least, most) : otherwise;
  }

  // `allowed` alone, or nothing.
  template <class Value>
  void check(const char* key, const Value& allowed, bool required) const {
    const auto found = json_.find(key);
    if (found == json_.end() ? required : *found != nlohmann::json(allowed))
      refuse(fmt::format("'{}' is {}; must be {}", key, found == json_.end() ? "missing" : found->dump(),
                         nlohmann::json(allowed).dump()));
  }

  double norm_epsilon(double otherwise) const {
    const auto found = json_.find("layer_norm_eps");
    if (found == json_.end()) return otherwise;
    const double value = found->is_number() ? found->get<double>() : std::nan("");
    if (!(value > 0 && value < 1))
      refuse(fmt::format("'layer_norm_eps' is {}; must be a number in (0, 1)", found->dump()));
    return value;
  }

  [[noreturn]] void refuse(const std::string& what) const {
    throw DataError(fmt::format("[read_bert_options] {}: {}", path_.string(), what));
  }

 private:
  std::filesystem::path path_;
  nlohmann::json json_;
};

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

BertOptions read_bert_options(const std::filesystem::path& path) {
  const Config config(path);
  config.check("model_type", "bert", true);
  config.check("hidden_act", "gelu", true);
  config.check("position_embedding_type", "absolute", false);
  config.check("is_decoder", false, false);
  config.check("add_cross_attention", false, false);
  BertOptions result;
  for (const auto& [member, name, key, least, most] : kSizes) result.*member = config.size(key, least, most);
  result.norm_epsilon = config.norm_epsilon(result.norm_epsilon);
  result.padding = config.size("pad_token_id", 0, result.vocabulary - 1, 0);
  if (result.width % result.heads != 0)
    config.refuse(
        fmt::format("'num_attention_heads' is {}; must divide 'hidden_size', {}", result.heads, result.width));
  return result;
}

}  // namespace sotto::models

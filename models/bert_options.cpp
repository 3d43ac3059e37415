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

constexpr int64_t kMostVocabulary = 10'000'000, kMostWidth = 65'536, kMostLayers = 1'000, kMostPositions = 1'000'000,
                  kMostTokenTypes = 1'000;

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
    throw DataError(fmt::format("{}: {}", path_.string(), what));
  }

 private:
  std::filesystem::path path_;
  nlohmann::json json_;
};

}  // namespace

BertOptions read_bert_options(const std::filesystem::path& path) {
  const Config config(path);
  config.check("model_type", "bert", true);
  config.check("hidden_act", "gelu", true);
  config.check("position_embedding_type", "absolute", false);
  config.check("is_decoder", false, false);
  config.check("add_cross_attention", false, false);
  BertOptions result;
  result.vocabulary = config.size("vocab_size", 1, kMostVocabulary);
  result.width = config.size("hidden_size", 1, kMostWidth);
  result.layers = config.size("num_hidden_layers", 1, kMostLayers);
  result.heads = config.size("num_attention_heads", 1, kMostWidth);
  result.feed_forward = config.size("intermediate_size", 1, kMostWidth);
  result.positions = config.size("max_position_embeddings", 2, kMostPositions);
  result.token_types = config.size("type_vocab_size", 1, kMostTokenTypes);
  result.norm_epsilon = config.norm_epsilon(result.norm_epsilon);
  result.padding = config.size("pad_token_id", 0, result.vocabulary - 1, 0);
  if (result.width % result.heads != 0)
    config.refuse(
        fmt::format("'num_attention_heads' is {}; must divide 'hidden_size', {}", result.heads, result.width));
  return result;
}

}  // namespace sotto::models

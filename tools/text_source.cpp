#include <fmt/format.h>
#include <sotto/models/module_model.h>
#include <sotto/privacy/atomic_file.h>
#include <sotto/privacy/error.h>
#include <sotto/tools/file_text.h>
#include <sotto/tools/lora_flags.h>
#include <sotto/tools/model_folder.h>
#include <sotto/tools/text_source.h>

#include <optional>
#include <utility>
#include <vector>

namespace sotto::tools {
namespace {

std::filesystem::path weights_of(const TrainOptions& options) {
  std::filesystem::path path = text_model_folder(options.model) / "model.safetensors";
  std::error_code ignored;
  if (!std::filesystem::is_regular_file(path, ignored))
    throw DataError(
        fmt::format("[--model] there is no {}; a published model is a folder with config.json, model.safetensors and "
                    "tokenizer.json or vocab.txt",
                    path.string()));
  return path;
}

data::Tokenizer read_tokenizer(const std::filesystem::path& file, const DeclaredText& text) {
  if (text.from_scratch) return data::PlainTokenizer::from_vocabulary(file, text.unit);
  return data::read_word_piece(file);
}

models::AdaptationOptions adaptation_options(const TrainOptions& o, int64_t layers) {
  if (o.adapt_layers && *o.adapt_layers > layers)
    throw UsageError(fmt::format("[--adapt-layers] bad value: {}; the model has {} layers", *o.adapt_layers, layers));
  return {.lora = lora_options(o), .layers = o.adapt_layers};
}

models::Pooling pooling_of(const TrainOptions& o) {
  const std::optional<models::Pooling> named = models::pooling_named(o.pooling.empty() ? kDefaultPooling : o.pooling);
  SOTTO_ASSERT(named.has_value());
  return *named;
}

// A file that cannot be asked is told when it is read.
bool has_room_for(const models::BertOptions& sizes, const std::filesystem::path& weights) {
  constexpr double kFewestBytes = 2;  // of a number
  std::error_code error;
  const auto bytes = static_cast<double>(std::filesystem::file_size(weights, error));
  return error || parameter_count(sizes) * kFewestBytes <= bytes;
}

models::BertOptions checked_sizes(const TextSource& source, const DeclaredText& text) {
  const models::BertOptions sizes = published_sizes(source, "--model", source.weights ? source.weights->file : "");
  if (text.max_tokens > sizes.positions)
    throw UsageError(fmt::format("[--max-tokens] bad value: {}; must be at most {}, the positions of the model",
                                 text.max_tokens, sizes.positions));
  return sizes;
}

}  // namespace

std::vector<std::filesystem::path> published_files(const TextSource& source) {
  std::vector<std::filesystem::path> result = data::tokenizer_files(source.tokenizer_file);
  result.push_back(source.config);
  return result;
}

models::BertOptions published_sizes(const TextSource& source, const char* flag, const std::filesystem::path& weights) {
  models::BertOptions sizes = models::read_bert_options(source.config);
  const int64_t tokens = data::vocabulary_size(source.tokenizer);
  if (tokens > sizes.vocabulary)
    throw DataError(fmt::format("[{}] {} has {} tokens, and {} says that the model knows {}: they are of two models",
                                flag, source.tokenizer_file.string(), tokens, source.config.string(),
                                sizes.vocabulary));
  if (!weights.empty() && !has_room_for(sizes, weights))
    throw DataError(fmt::format("[{}] {} is too short for the sizes that {} says: they are of two models", flag,
                                weights.string(), source.config.string()));
  sizes.padding = data::pad_id(source.tokenizer);
  return sizes;
}

TextSource given_text_source(const TrainOptions& options, const DeclaredText& text) {
  if (text.from_scratch)
    return {.tokenizer = read_tokenizer(options.vocabulary, text), .tokenizer_file = options.vocabulary};
  const std::filesystem::path folder = text_model_folder(options.model);
  PublishedWeights weights = read_weights(weights_of(options), options.model_sha256);
  const std::filesystem::path file = data::tokenizer_file(folder);
  return {.tokenizer = read_tokenizer(file, text),
          .tokenizer_file = file,
          .config = folder / "config.json",
          .weights = std::move(weights),
          .has_licence = !licence_files(folder).empty()};
}

TextSource run_text_source(const RunFolder& folder, const TrainOptions& options, const DeclaredText& text, bool go_on) {
  const std::filesystem::path file = text.from_scratch ? folder.vocabulary() : data::tokenizer_file(folder.encoder());
  TextSource result{.tokenizer = read_tokenizer(file, text), .tokenizer_file = file};
  if (text.from_scratch) return result;
  result.config = folder.encoder() / "config.json";
  if (!go_on) return result;
  result.weights = read_weights(weights_of(options), options.model_sha256);
  return result;
}

void keep(const TextSource& source, const RunFolder& folder) {
  if (source.config.empty()) {
    privacy::write_file_atomically(folder.vocabulary(), file_text(source.tokenizer_file));
    return;
  }
  std::error_code error;
  std::filesystem::create_directory(folder.encoder(), error);
  if (error) throw IoError(fmt::format("[train] cannot make {}: {}", folder.encoder().string(), error.message()));
  copy_files(published_files(source), folder.encoder());
  copy_files(licence_files(source.config.parent_path()), folder.encoder());
}

models::TextNetworkOptions scratch_sizes(const TextSource& source, const DeclaredText& text) {
  return {.vocabulary = data::vocabulary_size(source.tokenizer),
          .padding = data::pad_id(source.tokenizer),
          .most_tokens = text.max_tokens,
          .outputs = text.classes()};
}

PublishedText published_text(const TextSource& source, const TrainOptions& options, const TrainingPlan& plan) {
  const DeclaredText& text = *plan.data.text;
  models::TextClassifier classifier(models::TextClassifierOptions{.bert = checked_sizes(source, text),
                                                                  .outputs = text.classes(),
                                                                  .pooling = pooling_of(options),
                                                                  .centred = text.centred});
  if (source.weights) models::load_encoder(source.weights->file.string(), source.weights->tensors, *classifier);
  const models::AdaptationOptions adaptation = adaptation_options(options, classifier->bert->options.layers);
  return {std::move(classifier), models::adaptation_of(plan.adapt), adaptation};
}

std::unique_ptr<models::TrainableModel> make_text_model(const TextSource& source, const TrainOptions& options,
                                                        const TrainingPlan& plan) {
  const DeclaredText& text = *plan.data.text;
  if (source.config.empty())
    return models::make_module_model(models::make_text_network(options.model, scratch_sizes(source, text)));
  const PublishedText parts = published_text(source, options, plan);
  return models::make_module_model(models::make_adapted_network(parts.classifier, parts.adaptation, parts.options));
}

}  // namespace sotto::tools

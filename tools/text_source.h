#pragma once
// Where the model of a run of texts comes from: its tokenizer, sizes and weights.

#include <sotto/data/tokenizer.h>
#include <sotto/models/text_classifier.h>
#include <sotto/models/text_network.h>
#include <sotto/models/trainable_model.h>
#include <sotto/tools/declared_text.h>
#include <sotto/tools/published_folder.h>
#include <sotto/tools/run_folder.h>
#include <sotto/tools/training_plan.h>

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace sotto::tools {

struct TextSource {
  data::Tokenizer tokenizer;
  std::filesystem::path tokenizer_file;
  std::filesystem::path config = {};             // config.json of a published model; empty for a network from scratch
  std::optional<PublishedWeights> weights = {};  // of it; none where a run has its own, and from scratch
  bool has_licence = true;  // whether the folder holds a file that tells under what terms it may be used
};

// Of --model and --vocabulary, when a run begins. Throws DataError for a file that is missing or malformed, or weights
// that have another SHA-256 than the options say.
TextSource given_text_source(const TrainOptions& options, const DeclaredText& text);
// Of a run that exists: tokenizer and sizes from its folder, weights (where the model is needed whole before it is
// loaded, to go on) from --model.
TextSource run_text_source(const RunFolder& folder, const TrainOptions& options, const DeclaredText& text, bool go_on);

// config.json and the files of the tokenizer; the source names a config.
std::vector<std::filesystem::path> published_files(const TextSource& source);
// The sizes of its config, with the padding of its tokenizer. Throws DataError, for `flag`, when the two do not fit, or
// the sizes are more than a file of `weights`, where it is named, can hold: nothing is made of them before.
models::BertOptions published_sizes(const TextSource& source, const char* flag,
                                    const std::filesystem::path& weights = {});

// Writes what run_text_source() reads. Throws IoError.
void keep(const TextSource& source, const RunFolder& folder);

// Of a network from scratch.
models::TextNetworkOptions scratch_sizes(const TextSource& source, const DeclaredText& text);

// A published model, not yet adapted, and how it is to be.
struct PublishedText {
  models::TextClassifier classifier;
  models::Adaptation adaptation;
  models::AdaptationOptions options;
};
// With the weights of the source, where it names any. Throws as make_text_model(); the source names a config.
PublishedText published_text(const TextSource& source, const TrainOptions& options, const TrainingPlan& plan);

// The network with its weights, where the source names any; otherwise with weights drawn anew. Throws DataError for
// weights that do not fit the sizes or a vocabulary that does not fit the tokenizer; UsageError for more tokens than
// the model has positions.
std::unique_ptr<models::TrainableModel> make_text_model(const TextSource& source, const TrainOptions& options,
                                                        const TrainingPlan& plan);

}  // namespace sotto::tools

#pragma once
// What a training run is asked to do. The flags of `sotto train`, the keys of its configuration file and those of
// RUN/config.toml are the same and come from one table.

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>

namespace sotto::tools {

inline constexpr double kDefaultPsacR = 0.1;
inline constexpr double kDefaultAutoSGamma = 0.01;
inline constexpr double kDefaultNsgdR = 0.01;
inline constexpr double kDefaultClipQuantile = 0.5;
inline constexpr double kDefaultClipRate = 0.2;
inline constexpr double kLeastClipRate = 1e-6;

struct TrainOptions {
  std::string dataset;  // a preset of data/dataset.h or data/text_preset.h, or empty:
  std::string train_images, train_labels, test_images, test_labels;  // files of the user, or folders of pictures
  std::string class_names, picture_shape;                            // of folders: "cat,dog", "3x32x32"
  std::string train_table, test_table, table_schema;                 // files of the user
  std::string table_schema_sha256;                                   // filled in when a run begins
  std::string data, test_data;                                       // texts of the user, declared_text.h
  std::string data_format;                        // of data/text_records.h; empty: by the ending of the file
  bool no_header = false;                         // of formats with a header
  std::string text_column, label_column, labels;  // labels: a rule of data/label_rule.h
  std::string group_column, group_up_to;          // the unit of privacy is a group
  std::optional<int64_t> max_per_group;           // mandatory with a group column
  bool drop_repeats = false;
  std::optional<double> test_fraction;              // a public split of `data`, data/public_split.h
  std::optional<int64_t> split_seed;                // of the split and of what stays of a group; 1 unless given
  std::string vocabulary;                           // a public list, for models from scratch
  std::string tokenizer;                            // words or characters; words unless given
  std::optional<int64_t> max_tokens;                // longer texts are cut; 128 unless given
  std::string adapt;                                // models/text_classifier.h, mobilenet.h; lora of a file
  std::optional<int64_t> lora_rank;                 // 8 unless given
  std::optional<double> lora_alpha;                 // 16 unless given
  std::string lora_targets;                         // patterns with commas between them; mandatory for a file
  std::optional<int64_t> adapt_layers;              // of the encoder, from its end; all unless given
  std::string pooling;                              // mean, first or layers; mean unless given
  bool centre = false;                              // with layers: what all texts have in common is subtracted
  std::optional<int64_t> dataset_size;              // declared; mandatory without a preset
  std::optional<int64_t> classes;                   // of IDX files; 10 unless given
  std::optional<double> epsilon, noise_multiplier;  // exactly one, unless rule is "none"
  std::string noise = "normal";                     // or discrete: privacy/plan.h
  std::optional<double> delta;
  std::string rule = "psac";                           // psac, flat, auto-s, nsgd, adaptive; none: NOT PRIVATE
  std::optional<double> psac_r, auto_s_gamma, nsgd_r;  // 0.1, 0.01, 0.01; each with its own rule only
  // Of adaptive: 0.5, 0.2, and what privacy::default_count_noise() says.
  std::optional<double> clip_quantile, clip_rate, count_noise;
  bool per_group = false;
  double clip_norm = 0.1;                // of adaptive the first one
  std::string model = "cnn";             // model_flags.h: a ready network, a file, or the folder of a published model
  std::string model_sha256;              // of the file, or of the folder's weights; filled in when a run begins
  bool public_base = false;              // the model's weights, NOT PRIVATE, were trained on public records
  std::string input_type = "float";      // or tokens:VOCABULARY
  std::string fallback = "none";         // or per-record
  int64_t batch = 2048;                  // expected; a Poisson sample varies around it
  std::optional<int64_t> epochs, steps;  // at most one; 40 epochs unless given
  std::string optimizer = "sgd";         // or adam, adamw
  std::optional<double> lr;              // by optimizer and rule: training_plan.cpp
  std::optional<double> encoder_lr;      // of what is trained of an encoder beside its head; lr unless given
  std::string lr_schedule = "constant";  // or linear, cosine: optim/lr_schedule.h
  int64_t warmup = 0;                    // steps
  double momentum = 0.9;                 // of sgd
  double weight_decay = 0;
  bool noise_correction = false;           // of adam and adamw: optim/corrected_adam.h
  std::optional<int64_t> physical_batch;   // by model: training_plan.cpp
  int64_t threads = 0;                     // 0: as many as there are cores
  std::string matmul = "stock";            // or fast: matmul_switch.h
  std::string memory;                      // bytes of a private physical batch, with or without unit
  std::string kernel_costs;                // cost_figures.h; empty: measured, or built-in with a test seed
  std::string device = "cpu";              // device_choice.h; of a run that began, cpu or cuda:N
  std::optional<int64_t> private_metrics;  // evaluations on the training records: privacy/planned_evaluations.h
  std::optional<double> metric_noise;      // their noise multiplier; by the number of records unless given
  std::optional<int64_t> stop_early;       // of private_metrics: how many may show nothing better before the run ends
  std::optional<int64_t> insecure_test_seed;  // NOT PRIVATE
};

// A key of the table: its name (the flag is --name), its member and what --help says.
struct TrainKey {
  using Member =
      std::variant<std::string TrainOptions::*, bool TrainOptions::*, int64_t TrainOptions::*, double TrainOptions::*,
                   std::optional<int64_t> TrainOptions::*, std::optional<double> TrainOptions::*>;
  enum class Kind { text, flag, integer, real };

  // Which runs have it: of pictures and tables, of texts, or both.
  enum class Use { any, pictures, texts };

  const char* name;
  Member member;
  const char* value_name;
  const char* help;
  Use use = Use::any;

  Kind kind() const;
  // Throws UsageError naming the key when `text` is not of its kind.
  void set(TrainOptions& options, const std::string& text) const;
  // As set() takes it; nothing when the member is unset, an empty text or a flag that is off.
  std::optional<std::string> get(const TrainOptions& options) const;
};

std::span<const TrainKey> train_keys();
bool has(TrainKey::Use runs, const TrainKey& key);  // whether such runs have the key
// Whether the options are of a run of texts: they name such a preset, or files of texts.
bool trains_texts(const TrainOptions& options);
// What `sotto train` and `sotto train text` begin with.
TrainOptions default_options(TrainKey::Use runs);
const TrainKey* find_train_key(std::string_view name);  // null when there is none

using KeyTexts = std::map<std::string, std::string>;

// What a file and flags say together, flags first. A flag also replaces the key that excludes it (epsilon and
// noise-multiplier; epochs and steps; the preset and the user's own training files).
KeyTexts joined(const KeyTexts& file, const KeyTexts& flags);
// The options that `keys` give over `defaults`. Throws UsageError for a text that is not of its key's kind.
TrainOptions train_options(const KeyTexts& keys, TrainOptions defaults = {});

}  // namespace sotto::tools

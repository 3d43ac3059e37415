#pragma once
// What a training run is asked to do. The flags of `sotto train`, the keys of its configuration file and those of
// RUN/config.toml are the same and come from one table.

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <variant>

namespace sotto::tools {

inline constexpr double kDefaultPsacR = 0.1;
inline constexpr double kDefaultAutoSGamma = 0.01;
inline constexpr double kDefaultNsgdR = 0.01;

struct TrainOptions {
  std::string dataset;                                               // a preset of data/dataset.h, or empty:
  std::string train_images, train_labels, test_images, test_labels;  // files of the user, or folders of pictures
  std::string class_names, picture_shape;                            // of folders: "cat,dog", "3x32x32"
  std::string train_table, test_table, table_schema;                 // files of the user
  std::string table_schema_sha256;                                   // filled in when a run begins
  std::optional<int64_t> dataset_size;                               // declared; mandatory without a preset
  std::optional<int64_t> classes;                                    // of IDX files; 10 unless given
  std::optional<double> epsilon, noise_multiplier;                   // exactly one, unless rule is "none"
  std::optional<double> delta;
  std::string rule = "psac";                           // psac, flat, auto-s, nsgd; none: NOT PRIVATE
  std::optional<double> psac_r, auto_s_gamma, nsgd_r;  // 0.1, 0.01, 0.01; each with its own rule only
  bool per_group = false;
  double clip_norm = 0.1;
  std::string model = "cnn";             // kReadyModels of model_flags.h, or a TorchScript file
  std::string model_sha256;              // of the file; filled in when a run begins
  std::string input_type = "float";      // or tokens:VOCABULARY
  std::string fallback = "none";         // or per-record
  int64_t batch = 2048;                  // expected; a Poisson sample varies around it
  std::optional<int64_t> epochs, steps;  // at most one; 40 epochs unless given
  std::optional<double> lr;              // 4, or 0.1 when rule is "none"
  std::string lr_schedule = "constant";  // or linear: lr times (steps left / steps)
  double momentum = 0.9;
  int64_t physical_batch = 512;
  int64_t threads = 0;                        // 0: as many as there are cores
  std::string matmul = "stock";               // or fast: matmul_switch.h
  std::string memory;                         // bytes of a private physical batch, with or without unit
  std::string kernel_costs;                   // cost_figures.h; empty: measured, or built-in with a test seed
  std::string device = "cpu";                 // device_choice.h; of a run that began, cpu or cuda:N
  std::optional<int64_t> insecure_test_seed;  // NOT PRIVATE
};

// A key of the table: its name (the flag is --name), its member and what --help says.
struct TrainKey {
  using Member =
      std::variant<std::string TrainOptions::*, bool TrainOptions::*, int64_t TrainOptions::*, double TrainOptions::*,
                   std::optional<int64_t> TrainOptions::*, std::optional<double> TrainOptions::*>;
  enum class Kind { text, flag, integer, real };

  const char* name;
  Member member;
  const char* value_name;
  const char* help;

  Kind kind() const;
  // Throws UsageError naming the key when `text` is not of its kind.
  void set(TrainOptions& options, const std::string& text) const;
  // As set() takes it; nothing when the member is unset, an empty text or a flag that is off.
  std::optional<std::string> get(const TrainOptions& options) const;
};

std::span<const TrainKey> train_keys();
const TrainKey* find_train_key(std::string_view name);  // null when there is none

using KeyTexts = std::map<std::string, std::string>;

// The options that `file` and `flags` give together, flags first. A flag also replaces the key that excludes it
// (epsilon and noise-multiplier; epochs and steps; the preset and the user's own training files).
TrainOptions train_options(const KeyTexts& file, const KeyTexts& flags);

}  // namespace sotto::tools

#include <fmt/format.h>
#include <sotto/data/text_preset.h>
#include <sotto/privacy/error.h>
#include <sotto/tools/cost_figures.h>
#include <sotto/tools/device_choice.h>
#include <sotto/tools/matmul_switch.h>
#include <sotto/tools/model_flags.h>
#include <sotto/tools/numbers.h>
#include <sotto/tools/train_options.h>

#include <algorithm>
#include <array>
#include <type_traits>
#include <vector>

namespace sotto::tools {
namespace {

template <typename T>
struct Unwrapped {
  using Type = T;
};
template <typename T>
struct Unwrapped<std::optional<T>> {
  using Type = T;
};
template <typename Member>
using ValueOf = typename Unwrapped<std::remove_reference_t<decltype(std::declval<TrainOptions&>().*Member{})>>::Type;

// Giving one of a line unsets the others of that line.
constexpr std::array<std::array<std::string_view, 2>, 9> kExclusive = {{{"epsilon", "noise-multiplier"},
                                                                        {"epochs", "steps"},
                                                                        {"dataset", "train-images"},
                                                                        {"dataset", "train-labels"},
                                                                        {"dataset", "train-table"},
                                                                        {"dataset", "data"},
                                                                        {"test-data", "test-fraction"},
                                                                        {"train-images", "train-table"},
                                                                        {"dataset", "dataset-size"}}};

}  // namespace

TrainKey::Kind TrainKey::kind() const {
  return std::visit(
      [](auto m) {
        using Value = ValueOf<decltype(m)>;
        if constexpr (std::is_same_v<Value, std::string>) return Kind::text;
        if constexpr (std::is_same_v<Value, bool>) return Kind::flag;
        if constexpr (std::is_same_v<Value, int64_t>) return Kind::integer;
        return Kind::real;
      },
      member);
}

void TrainKey::set(TrainOptions& options, const std::string& text) const {
  const std::string flag = fmt::format("--{}", name);
  std::visit(
      [&](auto m) {
        using Value = ValueOf<decltype(m)>;
        if constexpr (std::is_same_v<Value, std::string>) {
          options.*m = text;
        } else if constexpr (std::is_same_v<Value, bool>) {
          if (text != "true" && text != "false")
            throw UsageError(fmt::format("[{}] bad value: '{}'; allowed are true and false", flag, text));
          options.*m = text == "true";
        } else if constexpr (std::is_same_v<Value, int64_t>) {
          options.*m = parse_integer(flag, text);
        } else {
          options.*m = parse_real(flag, text);
        }
      },
      member);
}

std::optional<std::string> TrainKey::get(const TrainOptions& options) const {
  return std::visit(
      [&](auto m) -> std::optional<std::string> {
        using Held = std::remove_cvref_t<decltype(options.*m)>;
        if constexpr (std::is_same_v<Held, std::string>) {
          if ((options.*m).empty()) return std::nullopt;
          return options.*m;
        } else if constexpr (std::is_same_v<Held, bool>) {
          if (!(options.*m)) return std::nullopt;
          return "true";
        } else if constexpr (std::is_arithmetic_v<Held>) {
          return fmt::format("{}", options.*m);
        } else {
          if (!(options.*m)) return std::nullopt;
          return fmt::format("{}", *(options.*m));
        }
      },
      member);
}

std::span<const TrainKey> train_keys() {
  using O = TrainOptions;
  using enum TrainKey::Use;
  static const std::vector<TrainKey> keys = {
      {"dataset", &O::dataset, "PRESET", "cifar10, fashion-mnist or mnist; of texts movie-reviews or sms-spam"},
      {"train-images", &O::train_images, "PATH",
       "Training pictures of your own (or sequences of tokens), IDX, plain or gzip; or a folder of PNG and JPEG "
       "pictures, PATH/CLASS/FILE",
       pictures},
      {"train-labels", &O::train_labels, "FILE", "Labels of an IDX file, IDX", pictures},
      {"test-images", &O::test_images, "PATH", "Test pictures or sequences, as --train-images; treated as public",
       pictures},
      {"test-labels", &O::test_labels, "FILE", "Labels of an IDX file, IDX; treated as public", pictures},
      {"class-names", &O::class_names, "NAMES", "Declared classes of a folder, in the order of the labels: cat,dog",
       pictures},
      {"picture-shape", &O::picture_shape, "SHAPE",
       "Declared channels (1 or 3), height and width of a folder's pictures: 3x32x32", pictures},
      {"train-table", &O::train_table, "FILE",
       "Training table of your own, CSV, plain or gzip; with --model mlp or a file", pictures},
      {"test-table", &O::test_table, "FILE", "Test table with the same columns; treated as public", pictures},
      {"table-schema", &O::table_schema, "FILE", "Declared columns of the tables: categories, ranges, label", pictures},
      {"table-schema-sha256", &O::table_schema_sha256, "HASH", "Refuse a schema file that has another SHA-256",
       pictures},
      {"data", &O::data, "FILE",
       "Training texts of your own: TSV, CSV (with commas or semicolons) or JSONL, plain or gzip", texts},
      {"test-data", &O::test_data, "FILE", "Test texts of the same form; treated as public", texts},
      {"test-fraction", &O::test_fraction, "F",
       "Share of --data that is held back for tests, by a public rule; treated as public. --dataset-size counts the "
       "rest",
       texts},
      {"split-seed", &O::split_seed, "SEED", "Public seed of that split, and of what stays of a group [1]", texts},
      {"data-format", &O::data_format, "FORMAT",
       "tsv, csv, jsonl, or semicolons: csv with these between its fields [by the file's ending]", texts},
      {"no-header", &O::no_header, "", "The first line is a record: columns are numbers, from 1", texts},
      {"text-column", &O::text_column, "COLUMN", "Name of the column of texts", texts},
      {"label-column", &O::label_column, "COLUMN", "Name of the column of labels", texts},
      {"labels", &O::labels, "RULE",
       "Declared labels: 'negative, positive', or '<0 -> 0, >0 -> 1, drop 0' of a number, or 'range -4 4' for a "
       "regression",
       texts},
      {"group-column", &O::group_column, "COLUMN",
       "The unit of privacy is a group, all texts of a person or a document, and not one text", texts},
      {"group-up-to", &O::group_up_to, "TEXT", "The group is the field up to the first of this text", texts},
      {"max-per-group", &O::max_per_group, "K", "Texts of a group that are used, at most; mandatory with groups",
       texts},
      {"drop-repeats", &O::drop_repeats, "", "Leave out a text that an earlier one with the same label repeats", texts},
      {"max-tokens", &O::max_tokens, "N", "Tokens of a text that are used, at most [128]", texts},
      {"vocabulary", &O::vocabulary, "FILE",
       "Public list of tokens, one a line, for a model from scratch; never one made from the records", texts},
      {"tokenizer", &O::tokenizer, "KIND", "With --vocabulary: words or characters [words]", texts},
      {"dataset-size", &O::dataset_size, "N",
       "Declared number of training records (of groups, with groups); mandatory for your own data"},
      {"classes", &O::classes, "N", "Number of classes of your own IDX files [10]", pictures},
      {"epsilon", &O::epsilon, "EPSILON", "Privacy budget; the noise follows from it"},
      {"noise-multiplier", &O::noise_multiplier, "SIGMA", "Noise standard deviation / clip norm, instead of --epsilon"},
      {"noise", &O::noise, "KIND",
       "normal, in floating point; or discrete: integers, summed and noised exactly, record by record: secure against "
       "attacks on low-order bits, many times slower, and of a larger epsilon; on the processor only"},
      {"delta", &O::delta, "DELTA", "Probability of failure [1e-5 when that is below 1 / dataset size]"},
      {"rule", &O::rule, "RULE", "psac, flat, auto-s, nsgd or adaptive; none is plain training and NOT PRIVATE"},
      {"psac-r", &O::psac_r, "R", "r of psac [0.1]"},
      {"auto-s-gamma", &O::auto_s_gamma, "GAMMA", "gamma of auto-s [0.01]"},
      {"nsgd-r", &O::nsgd_r, "R", "r of nsgd [0.01]"},
      {"clip-quantile", &O::clip_quantile, "Q",
       "Of adaptive (Andrew et al., NeurIPS 2021): the clip norm follows the norm that a share Q of the gradients "
       "does not exceed, by counts that are noised and released with the gradients [0.5]"},
      {"clip-rate", &O::clip_rate, "RATE",
       "Of adaptive: the clip norm is multiplied by exp(-RATE (noised share - Q)) after a step [0.2]"},
      {"count-noise", &O::count_noise, "S",
       "Of adaptive: standard deviation of the noise of a count, in records; that of the gradients is raised "
       "until both together cost what the gradients alone would [batch / 20, at least twice the noise multiplier]"},
      {"per-group", &O::per_group, "", "Clip every layer on its own, to clip norm / sqrt(layers); rule flat only"},
      {"clip-norm", &O::clip_norm, "C", "Bound on the norm of a record's gradient; of adaptive in the first step"},
      {"model", &O::model, "MODEL", kModelHelp},
      {"model-sha256", &O::model_sha256, "HASH", "Refuse a model file, or weights, of another SHA-256"},
      {"public-base", &O::public_base, "",
       "The weights of --model were trained NOT PRIVATE, by sotto, on records that are public"},
      {"adapt", &O::adapt, "WAY",
       "What is trained of a published model: full, lora, bitfit or head; head or bias of mobilenet [head]; of a "
       "TorchScript file, lora: factors of the layers that --lora-targets names, and what the file leaves trainable"},
      {"lora-rank", &O::lora_rank, "R", "Rank of --adapt lora [8]"},
      {"lora-alpha", &O::lora_alpha, "ALPHA", "The product is scaled by alpha / rank [16]"},
      {"lora-targets", &O::lora_targets, "NAMES",
       "Linear layers of --adapt lora, names with * and commas [of texts *query,*value]"},
      {"adapt-layers", &O::adapt_layers, "N",
       "Adapt the last N layers of the encoder alone; what those below make of a text is computed once and kept in "
       "memory [all layers and the embedding]",
       texts},
      {"pooling", &O::pooling, "WAY",
       "One vector of a text: mean of its last states, the first of them, or layers: the means of all layers [mean]",
       texts},
      {"centre", &O::centre, "",
       "With --pooling layers: subtract the mean over the records' vectors, which the first step finds out privately",
       texts},
      {"input-type", &O::input_type, "TYPE", "float, or tokens:VOCABULARY for files of integers [records, length]",
       pictures},
      {"fallback", &O::fallback, "WAY",
       "What to do with a model without rules: none (refuse it) or per-record (exact and slow)"},
      {"batch", &O::batch, "B", "Expected batch size; Poisson samples vary around it"},
      {"epochs", &O::epochs, "N", "Train for ceil(N * dataset size / batch) steps [40]"},
      {"steps", &O::steps, "T", "Train for T steps, instead of --epochs"},
      {"optimizer", &O::optimizer, "NAME", "sgd, adam or adamw"},
      {"lr", &O::lr, "RATE",
       "Learning rate [sgd 4, for rule none 0.1; adam and adamw 5e-4, 2e-3 where few parameters are adapted]"},
      {"encoder-lr", &O::encoder_lr, "RATE",
       "Learning rate of what is adapted of the encoder, where its head has another, --lr [that of --lr]", texts},
      {"lr-schedule", &O::lr_schedule, "SCHEDULE",
       "constant; linear or cosine: falls from --lr in the first step after the warm-up towards 0"},
      {"warmup", &O::warmup, "STEPS", "Steps over which the learning rate rises to --lr"},
      {"momentum", &O::momentum, "BETA", "Momentum of sgd"},
      {"noise-correction", &O::noise_correction, "",
       "With adam or adamw: subtract the variance of the noise from the mean of squares"},
      {"weight-decay", &O::weight_decay, "DECAY", "Weight decay; decoupled from the gradient in adamw"},
      {"physical-batch", &O::physical_batch, "B",
       "Records per forward pass, at most; changes speed and memory only [512; 64 of texts and of --adapt bias]"},
      {"threads", &O::threads, "N", "Threads for arithmetic; 0: one per core"},
      {"matmul", &O::matmul, "WAY", kMatmulHelp},
      {"memory", &O::memory, "BYTES",
       "What a physical batch may hold, 2GiB for example; one that cannot be held is cut [a fifth more than a plain "
       "step holds, nothing is cut]"},
      {"kernel-costs", &O::kernel_costs, "COSTS", kKernelCostsHelp},
      {"device", &O::device, "DEVICE", kDeviceHelp},
      {"private-metrics", &O::private_metrics, "N",
       "Evaluate N times on the private training records: noisy accuracy and loss, paid for by the budget"},
      {"metric-noise", &O::metric_noise, "SIGMA",
       "Noise multiplier of these evaluations [one with which the noise of an accuracy has standard deviation 0.005, "
       "at least 10 sqrt(N)]"},
      {"stop-early", &O::stop_early, "P",
       "End the run when the accuracy of P private evaluations in a row did not exceed its reference by more than its "
       "noise; the reference is the first one, and then each that did"},
      {"insecure-test-seed", &O::insecure_test_seed, "SEED", "Repeatable noise and sampling, for tests: NOT PRIVATE"},
  };
  return keys;
}

const TrainKey* find_train_key(std::string_view name) {
  const auto keys = train_keys();
  const auto key = std::ranges::find_if(keys, [&](const TrainKey& k) { return k.name == name; });
  return key == keys.end() ? nullptr : &*key;
}

bool has(TrainKey::Use runs, const TrainKey& key) {
  return key.use == TrainKey::Use::any || key.use == runs;
}

bool trains_texts(const TrainOptions& o) {
  return !o.data.empty() || data::find_text_preset(o.dataset) != nullptr;
}

TrainOptions default_options(TrainKey::Use runs) {
  TrainOptions options;
  if (runs != TrainKey::Use::texts) return options;
  options.model = kMiniLm;
  options.batch = 512;
  options.optimizer = "adam";
  options.clip_norm = 1;
  return options;
}

KeyTexts joined(const KeyTexts& file, const KeyTexts& flags) {
  KeyTexts merged = file;
  for (const auto& [name, text] : flags) {
    for (const auto& pair : kExclusive) {
      for (const size_t mine : {0, 1}) {
        const std::string other(pair[1 - mine]);
        if (name == pair[mine] && !flags.contains(other)) merged.erase(other);
      }
    }
    merged[name] = text;
  }
  return merged;
}

TrainOptions train_options(const KeyTexts& keys, TrainOptions options) {
  for (const auto& [name, text] : keys) {
    const TrainKey* key = find_train_key(name);
    SOTTO_ASSERT(key != nullptr);
    key->set(options, text);
  }
  return options;
}

}  // namespace sotto::tools

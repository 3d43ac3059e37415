#include <fmt/format.h>
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
constexpr std::array<std::array<std::string_view, 2>, 7> kExclusive = {{{"epsilon", "noise-multiplier"},
                                                                        {"epochs", "steps"},
                                                                        {"dataset", "train-images"},
                                                                        {"dataset", "train-labels"},
                                                                        {"dataset", "train-table"},
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
  static const std::vector<TrainKey> keys = {
      {"dataset", &O::dataset, "PRESET", "cifar10, fashion-mnist or mnist"},
      {"train-images", &O::train_images, "PATH",
       "Training pictures of your own (or sequences of tokens), IDX, plain or gzip; or a folder of PNG and JPEG "
       "pictures, PATH/CLASS/FILE"},
      {"train-labels", &O::train_labels, "FILE", "Labels of an IDX file, IDX"},
      {"test-images", &O::test_images, "PATH", "Test pictures or sequences, as --train-images; treated as public"},
      {"test-labels", &O::test_labels, "FILE", "Labels of an IDX file, IDX; treated as public"},
      {"class-names", &O::class_names, "NAMES", "Declared classes of a folder, in the order of the labels: cat,dog"},
      {"picture-shape", &O::picture_shape, "SHAPE",
       "Declared channels (1 or 3), height and width of a folder's pictures: 3x32x32"},
      {"train-table", &O::train_table, "FILE",
       "Training table of your own, CSV, plain or gzip; with --model mlp or a file"},
      {"test-table", &O::test_table, "FILE", "Test table with the same columns; treated as public"},
      {"table-schema", &O::table_schema, "FILE", "Declared columns of the tables: categories, ranges, label"},
      {"table-schema-sha256", &O::table_schema_sha256, "HASH", "Refuse a schema file that has another SHA-256"},
      {"dataset-size", &O::dataset_size, "N", "Declared number of training records; mandatory for your own data"},
      {"classes", &O::classes, "N", "Number of classes of your own IDX files [10]"},
      {"epsilon", &O::epsilon, "EPSILON", "Privacy budget; the noise follows from it"},
      {"noise-multiplier", &O::noise_multiplier, "SIGMA", "Noise standard deviation / clip norm, instead of --epsilon"},
      {"delta", &O::delta, "DELTA", "Probability of failure [1e-5 when that is below 1 / dataset size]"},
      {"rule", &O::rule, "RULE", "psac, flat, auto-s or nsgd; none is plain SGD and NOT PRIVATE"},
      {"psac-r", &O::psac_r, "R", "r of psac [0.1]"},
      {"auto-s-gamma", &O::auto_s_gamma, "GAMMA", "gamma of auto-s [0.01]"},
      {"nsgd-r", &O::nsgd_r, "R", "r of nsgd [0.01]"},
      {"per-group", &O::per_group, "", "Clip every layer on its own, to clip norm / sqrt(layers); rule flat only"},
      {"clip-norm", &O::clip_norm, "C", "Bound on the norm of a record's gradient"},
      {"model", &O::model, "MODEL", kModelHelp},
      {"model-sha256", &O::model_sha256, "HASH", "Refuse a model file that has another SHA-256"},
      {"input-type", &O::input_type, "TYPE", "float, or tokens:VOCABULARY for files of integers [records, length]"},
      {"fallback", &O::fallback, "WAY",
       "What to do with a model without rules: none (refuse it) or per-record (exact and slow)"},
      {"batch", &O::batch, "B", "Expected batch size; Poisson samples vary around it"},
      {"epochs", &O::epochs, "N", "Train for ceil(N * dataset size / batch) steps [40]"},
      {"steps", &O::steps, "T", "Train for T steps, instead of --epochs"},
      {"lr", &O::lr, "RATE", "Learning rate of SGD [4; 0.1 for rule none]"},
      {"lr-schedule", &O::lr_schedule, "SCHEDULE", "constant, or linear: falls from --lr in the first step towards 0"},
      {"momentum", &O::momentum, "BETA", "Momentum of SGD"},
      {"physical-batch", &O::physical_batch, "B", "Records per forward pass, at most; changes speed and memory only"},
      {"threads", &O::threads, "N", "Threads for arithmetic; 0: one per core"},
      {"matmul", &O::matmul, "WAY", kMatmulHelp},
      {"memory", &O::memory, "BYTES",
       "What a physical batch may hold, 2GiB for example; one that cannot be held is cut [a fifth more than a plain "
       "step holds, nothing is cut]"},
      {"kernel-costs", &O::kernel_costs, "COSTS", kKernelCostsHelp},
      {"device", &O::device, "DEVICE", kDeviceHelp},
      {"insecure-test-seed", &O::insecure_test_seed, "SEED", "Repeatable noise and sampling, for tests: NOT PRIVATE"},
  };
  return keys;
}

const TrainKey* find_train_key(std::string_view name) {
  const auto keys = train_keys();
  const auto key = std::ranges::find_if(keys, [&](const TrainKey& k) { return k.name == name; });
  return key == keys.end() ? nullptr : &*key;
}

TrainOptions train_options(const KeyTexts& file, const KeyTexts& flags) {
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
  TrainOptions options;
  for (const auto& [name, text] : merged) {
    const TrainKey* key = find_train_key(name);
    SOTTO_ASSERT(key != nullptr);
    key->set(options, text);
  }
  return options;
}

}  // namespace sotto::tools

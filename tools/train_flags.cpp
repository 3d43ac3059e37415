#include <fmt/format.h>
#include <sotto/privacy/error.h>
#include <sotto/tools/config_file.h>
#include <sotto/tools/model_flags.h>
#include <sotto/tools/text_settings.h>
#include <sotto/tools/train_flags.h>

#include <filesystem>

namespace sotto::tools {
namespace {

constexpr const char* kPresetHelp = "cifar10, fashion-mnist or mnist";
constexpr const char* kTextPresetHelp = "movie-reviews or sms-spam";

// The flags that were typed, with their texts.
KeyTexts typed(const CLI::App& command, const TrainFlags& flags) {
  KeyTexts result;
  for (const auto& [name, text] : flags.texts)
    if (command.count(name == "dataset" ? name : "--" + name) > 0) result[name] = text;
  for (const auto& [name, on] : flags.switches)
    if (command.count("--" + name) > 0) result[name] = on ? "true" : "false";
  return result;
}

void require_runs(const TrainOptions& options, TrainKey::Use runs) {
  const bool texts = trains_texts(options);
  if (texts && runs != TrainKey::Use::texts) throw UsageError("[train] these are texts: sotto train text ...");
  if (!texts && runs == TrainKey::Use::texts && !options.dataset.empty())
    throw UsageError(fmt::format(
        "[train text] no preset is called '{}'; there are movie-reviews and sms-spam. A file of your own is given with "
        "--data",
        options.dataset));
  if (!texts && runs == TrainKey::Use::texts)
    throw UsageError(
        "[train text] no texts: name a preset (movie-reviews or sms-spam), or give --data, --text-column, "
        "--label-column, --labels and --dataset-size");
}

}  // namespace

void add_train_flags(CLI::App& command, TrainFlags& flags, TrainKey::Use runs) {
  const TrainOptions defaults = default_options(runs);
  const bool texts = runs == TrainKey::Use::texts;
  for (const TrainKey& key : train_keys()) {
    if (!has(runs, key)) continue;
    const std::string name = key.name;
    if (name == "dataset") {
      command.add_option("dataset", flags.texts[name], texts ? kTextPresetHelp : kPresetHelp)
          ->type_name(key.value_name);
    } else if (name == "model" && texts) {
      command.add_option("--model", flags.texts[name], fmt::format("{} [{}]", kTextModelHelp, defaults.model))
          ->type_name(key.value_name);
    } else if (key.kind() == TrainKey::Kind::flag) {
      command.add_flag("--" + name, flags.switches[name], key.help);
    } else {
      const auto preset = key.get(defaults);
      command.add_option("--" + name, flags.texts[name], key.help + (preset ? " [" + *preset + "]" : std::string()))
          ->type_name(key.value_name);
    }
  }
  command
      .add_option("--config", flags.config,
                  "TOML file with the flags above as keys, paths from the current folder; flags win")
      ->type_name("FILE");
}

KeyTexts given_keys(const CLI::App& command, const TrainFlags& flags) {
  return joined(flags.config.empty() ? KeyTexts{} : read_config(flags.config), typed(command, flags));
}

TrainOptions given_options(const KeyTexts& given, TrainKey::Use runs) {
  TrainOptions options =
      train_options(runs == TrainKey::Use::texts ? joined(text_settings(given), given) : given, default_options(runs));
  require_runs(options, runs);
  for (std::string* path :
       {&options.train_images, &options.train_labels, &options.test_images, &options.test_labels, &options.train_table,
        &options.test_table, &options.table_schema, &options.data, &options.test_data, &options.vocabulary})
    *path = absolute_path(*path);
  if (names_model_file(options.model))
    options.model = absolute_path(options.model);  // a folder of texts has a slash too
  return options;
}

std::string absolute_path(const std::string& path) {
  return path.empty() ? path : std::filesystem::absolute(path).lexically_normal().string();
}

}  // namespace sotto::tools

#pragma once
// The keys of train_options.h as flags of a command, beside a file of them: of `sotto train` and `sotto tune`.

#include <sotto/tools/train_options.h>

#include <CLI/CLI.hpp>
#include <map>
#include <string>

namespace sotto::tools {

struct TrainFlags {
  std::map<std::string, std::string> texts;  // one for each key
  std::map<std::string, bool> switches;
  std::string config;
};

// A flag for every key that such runs have, and --config. `flags` must outlive the command.
void add_train_flags(CLI::App& command, TrainFlags& flags, TrainKey::Use runs);
// What the file and the flags that were typed say together, flags first. Throws UsageError.
KeyTexts given_keys(const CLI::App& command, const TrainFlags& flags);

// The options of such a run, with settings that belong to a model of texts where none are given (text_settings.h), and
// absolute paths: a run can be resumed from another folder. Throws UsageError, also for what was asked of the wrong one
// of `sotto train` and `sotto train text`.
TrainOptions given_options(const KeyTexts& given, TrainKey::Use runs);

// `path` as one from the root; an empty one stays.
std::string absolute_path(const std::string& path);

}  // namespace sotto::tools

#pragma once
// Configuration files of `sotto train`: TOML with the keys of train_options.h at the top level.

#include <sotto/tools/train_options.h>

#include <filesystem>
#include <string>
#include <string_view>

namespace sotto::tools {

// The keys of a file with their values as text. Throws UsageError when the file cannot be read or is not TOML, when a
// value is not of its key's type, and for an unknown key, naming the nearest known one.
KeyTexts read_config(const std::filesystem::path& path);
// The same of the text of a file; `source` names it in errors.
KeyTexts parse_config(std::string_view text, const std::filesystem::path& source);

// The file that read_config turns into these options, but that an empty text is left out. `heading` becomes comment
// lines.
std::string format_config(const TrainOptions& options, const std::string& heading);

}  // namespace sotto::tools

#pragma once
// Presets of texts: public data sets that `sotto train text` can name, where their files lie, and what is declared
// about them. As for pictures (dataset.h), all of it is public knowledge and none of it is read from the files.

#include <sotto/data/text_records.h>

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace sotto::data {

struct TextPreset {
  std::string name;
  std::string description;
  std::string folder, file;  // DATA/folder/file, where tools/fetch_data.sh `folder` puts it
  TextFormat format;
  bool header;
  std::string text_column, label_column;  // names, or numbers where there is no header
  std::string labels;                     // the rule, label_rule.h
  bool drop_repeats;
  double test_fraction;      // of the public split, public_split.h
  std::uint64_t split_seed;  // of the same
  std::int64_t train_size;   // records of the training side, with repeats and dropped labels left out
};

// All presets, sorted by name.
std::span<const TextPreset> text_presets();
// Null for another name.
const TextPreset* find_text_preset(std::string_view name);

// The first FOLDER/`folder`/`file` that is a file. Throws DataError that names the folders searched and the command
// that fetches it.
std::filesystem::path find_text_file(const TextPreset& preset, const std::vector<std::filesystem::path>& folders);

}  // namespace sotto::data

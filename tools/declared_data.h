#pragma once
// What a run declares about its data: their kind, size, classes, and how they become numbers. All of it comes from the
// flags, from a preset or from the schema of a table; none of it from a record.

#include <sotto/data/csv_table.h>
#include <sotto/data/picture.h>
#include <sotto/tools/declared_text.h>
#include <sotto/tools/model_flags.h>
#include <sotto/tools/train_options.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace sotto::tools {

// How pixels become numbers. A public constant: nothing here is fitted to the records.
inline constexpr const char* kPixelScaling = "x / 127.5 - 1";

struct DeclaredData {
  // preset: of pictures; idx: files of pictures, or of tokens; folder: PNG and JPEG pictures; table: CSV; texts: files
  // or a preset of these.
  enum class Kind { preset, idx, folder, table, texts };

  Kind kind = Kind::preset;
  std::int64_t size = 0;     // of the training data: units of privacy
  std::int64_t classes = 0;  // 1 for a regression
  InputType input_type;      // of texts the vocabulary is 0 here: the tokenizer knows it
  std::vector<std::string>
      class_names;             // as many as classes; none of pictures in IDX and presets of these, nor of a regression
  data::PictureShape picture;  // folder
  data::TableSchema schema;    // table
  std::string schema_sha256;   // table: of schema.text
  std::optional<DeclaredText> text;  // texts
};

// Reads the schema of a table; of other files no more than whether --train-images is a folder. Throws UsageError for a
// flag that is missing, out of range or has no place with this kind of data; DataError for a schema that is malformed
// or has another SHA-256 than the options say.
DeclaredData declared_data(const TrainOptions& options);

// The training data, for people: the preset or the path.
std::string name_of_data(const TrainOptions& options);

// Whether the tests are the file, or the folder, that holds the training data.
bool tests_are_the_records(const TrainOptions& options);
// The same of a copy of it, which is read for this. Throws IoError where it cannot be.
bool tests_hold_the_records(const TrainOptions& options);

// How records become the numbers that a model takes, and that this was fitted to none of them: a clause for people.
std::string input_scaling(const DeclaredData& data);

}  // namespace sotto::tools

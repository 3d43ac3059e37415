#include <fmt/format.h>
#include <sotto/data/classes.h>
#include <sotto/data/dataset.h>
#include <sotto/privacy/error.h>
#include <sotto/privacy/event.h>
#include <sotto/privacy/sha256.h>
#include <sotto/tools/declared_data.h>
#include <sotto/tools/numbers.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <sstream>

namespace sotto::tools {
namespace {

using Kind = DeclaredData::Kind;

constexpr std::int64_t kDefaultClasses = 10;
constexpr std::int64_t kMaxTokenClasses = 1 << 24;

const char* kind_text(Kind kind) {
  switch (kind) {
    case Kind::preset:
      return "a preset";
    case Kind::idx:
      return "IDX files (--train-images FILE, --train-labels FILE)";
    case Kind::folder:
      return "a folder of pictures (--train-images FOLDER, --class-names, --picture-shape)";
    case Kind::table:
      return "a table (--train-table, --table-schema)";
    case Kind::texts:
      return "texts (sotto train text)";
  }
  throw InternalError("[declared_data] unknown kind of data");
}

Kind kind_of(const TrainOptions& o) {
  if (trains_texts(o)) return Kind::texts;
  if (!o.dataset.empty()) return Kind::preset;
  if (!o.train_table.empty()) return Kind::table;
  if (o.train_images.empty() && o.train_labels.empty())
    throw UsageError(
        "[train] no data: name a preset (cifar10, fashion-mnist or mnist), or give --train-images or --train-table and "
        "--dataset-size");
  std::error_code ignored;
  const bool folder =
      !o.class_names.empty() || !o.picture_shape.empty() || std::filesystem::is_directory(o.train_images, ignored);
  return folder ? Kind::folder : Kind::idx;
}

// A key of other runs, such as one of pictures in the configuration of a run of texts.
void check_uses(const TrainOptions& o, Kind kind) {
  const auto runs = kind == Kind::texts ? TrainKey::Use::texts : TrainKey::Use::pictures;
  const TrainOptions defaults;
  for (const TrainKey& key : train_keys())
    if (!has(runs, key) && key.get(o) != key.get(defaults))
      throw UsageError(fmt::format("[--{}] has no place with {}", key.name, kind_text(kind)));
}

// Where each flag of the data has a place.
struct Place {
  const char* flag;
  bool given;
  std::initializer_list<Kind> kinds;
};

void check_places(const TrainOptions& o, Kind kind) {
  using enum DeclaredData::Kind;
  const std::array<Place, 12> places = {{{"--train-images", !o.train_images.empty(), {idx, folder}},
                                         {"--train-labels", !o.train_labels.empty(), {idx}},
                                         {"--test-images", !o.test_images.empty(), {preset, idx, folder}},
                                         {"--test-labels", !o.test_labels.empty(), {preset, idx}},
                                         {"--class-names", !o.class_names.empty(), {folder}},
                                         {"--picture-shape", !o.picture_shape.empty(), {folder}},
                                         {"--train-table", !o.train_table.empty(), {table}},
                                         {"--test-table", !o.test_table.empty(), {table}},
                                         {"--table-schema", !o.table_schema.empty(), {table}},
                                         {"--table-schema-sha256", !o.table_schema_sha256.empty(), {table}},
                                         {"--classes", o.classes.has_value(), {idx}},
                                         {"--input-type tokens", parse_input_type(o.input_type).tokens, {idx}}}};
  for (const Place& place : places)
    if (place.given && std::ranges::find(place.kinds, kind) == place.kinds.end())
      throw UsageError(fmt::format("[{}] has no place with {}", place.flag, kind_text(kind)));
}

void require(const char* flag, bool given, const char* reason) {
  if (!given) throw UsageError(fmt::format("[{}] missing: {}", flag, reason));
}

void check_complete(const TrainOptions& o, Kind kind) {
  if (kind == Kind::idx && o.train_images.empty() != o.train_labels.empty())
    throw UsageError("[train] --train-images and --train-labels belong together: only one of them was given");
  if (kind != Kind::folder && o.test_images.empty() != o.test_labels.empty())
    throw UsageError("[train] --test-images and --test-labels belong together: only one of them was given");
  if (kind == Kind::folder) {
    require("--train-images", !o.train_images.empty(),
            "--class-names and --picture-shape describe a folder of pictures");
    require("--class-names", !o.class_names.empty(),
            "the classes of a folder of pictures must be declared, such as cat,dog, because which of them have records "
            "may not be read from the private folder");
    require("--picture-shape", !o.picture_shape.empty(),
            "the shape of the pictures of a folder must be declared, such as 3x32x32");
  }
  require("--table-schema", kind != Kind::table || !o.table_schema.empty(),
          "categories and ranges of a table must be declared in a file, because they may not be read from the rows");
  require(
      "--dataset-size", kind == Kind::preset || o.dataset_size,
      "the size of your own data must be declared, because sampling rate, steps and delta may not depend on a count "
      "of the private file");
}

std::vector<std::string> class_names(const std::string& text) {
  std::vector<std::string> names;
  std::istringstream stream(text);
  for (std::string name; std::getline(stream, name, ',');) names.push_back(name);
  if (text.ends_with(',')) names.emplace_back();
  if (!data::are_class_names(names))
    throw UsageError(
        fmt::format("[--class-names] bad value: '{}'; must be {} to {} distinct names of folders, such as cat,dog",
                    text, data::kMinClasses, data::kMaxClasses));
  return names;
}

void read_schema(const TrainOptions& o, DeclaredData& data) {
  data.schema = data::read_table_schema(o.table_schema);
  data.schema_sha256 = privacy::sha256_hex(data.schema.text);
  if (!o.table_schema_sha256.empty() && o.table_schema_sha256 != data.schema_sha256)
    throw DataError(fmt::format("[--table-schema-sha256] {} has the SHA-256 {}; must be {}", o.table_schema,
                                data.schema_sha256, o.table_schema_sha256));
}

void take_preset(const TrainOptions& o, DeclaredData& result) {
  const data::ImagePreset& preset = data::image_preset(o.dataset);
  if (o.dataset_size && *o.dataset_size != preset.train_size)
    throw UsageError(fmt::format("[--dataset-size] bad value: {}; {} is declared to have {} records", *o.dataset_size,
                                 preset.name, preset.train_size));
  result.size = preset.train_size;
  result.classes = preset.classes;
}

void take_texts(const TrainOptions& o, DeclaredData& result) {
  result.text = declared_text(o);
  result.size = result.text->size;
  result.classes = result.text->classes();
  result.input_type.tokens = true;
  if (!result.text->labels().is_range()) result.class_names = result.text->labels().class_names();
}

}  // namespace

DeclaredData declared_data(const TrainOptions& o) {
  DeclaredData result;
  result.kind = kind_of(o);
  result.input_type = parse_input_type(o.input_type);
  check_uses(o, result.kind);
  if (result.kind == Kind::texts) {
    take_texts(o, result);
    return result;
  }
  check_places(o, result.kind);
  check_complete(o, result.kind);
  if (result.kind != Kind::preset) {
    check_range("--dataset-size", *o.dataset_size, 1, privacy::kMaxCount);
    result.size = *o.dataset_size;
  }
  switch (result.kind) {
    case Kind::preset:
      take_preset(o, result);
      break;
    case Kind::idx:
      result.classes = o.classes.value_or(kDefaultClasses);
      check_range("--classes", result.classes, data::kMinClasses,
                  result.input_type.tokens ? kMaxTokenClasses : std::int64_t{data::kMaxClasses});
      break;
    case Kind::folder:
      result.class_names = class_names(o.class_names);
      result.classes = static_cast<std::int64_t>(result.class_names.size());
      result.picture = parse_picture_shape(o.picture_shape);
      break;
    case Kind::table:
      if (!o.table_schema_sha256.empty() && !privacy::is_sha256_hex(o.table_schema_sha256))
        throw UsageError(fmt::format("[--table-schema-sha256] bad value: '{}'; must be 64 hexadecimal digits",
                                     o.table_schema_sha256));
      read_schema(o, result);
      result.classes = result.schema.classes();
      result.class_names = result.schema.class_names();
      break;
    case Kind::texts:
      throw InternalError("[declared_data] texts are taken elsewhere");
  }
  return result;
}

std::string name_of_data(const TrainOptions& o) {
  return !o.dataset.empty()       ? o.dataset
         : !o.data.empty()        ? o.data
         : !o.train_table.empty() ? o.train_table
                                  : o.train_images;
}

bool tests_are_the_records(const TrainOptions& o) {
  std::error_code ignored;
  return std::filesystem::equivalent(o.data, o.test_data, ignored) ||
         std::filesystem::equivalent(o.train_images, o.test_images, ignored) ||
         std::filesystem::equivalent(o.train_table, o.test_table, ignored);
}

bool tests_hold_the_records(const TrainOptions& o) {
  const auto same = [](const std::filesystem::path& a, const std::filesystem::path& b) {
    std::error_code missing;
    const auto size = std::filesystem::file_size(a, missing);
    return !missing && std::filesystem::file_size(b, missing) == size && !missing &&
           privacy::sha256_of_file(a) == privacy::sha256_of_file(b);
  };
  return tests_are_the_records(o) || same(o.data, o.test_data) || same(o.train_images, o.test_images) ||
         same(o.train_table, o.test_table);
}

std::string input_scaling(const DeclaredData& data) {
  if (data.text)
    return fmt::format(
        "texts to at most {} tokens by a public vocabulary, and by nothing computed from the records{}",
        data.text->max_tokens,
        data.text->centred ? " but a mean of their vectors, which is the first step, charged where steps are" : "");
  if (data.input_type.tokens) return "not at all; tokens are taken as they are";
  if (data.kind == Kind::table)
    return fmt::format(
        "numbers to -1 to 1 by the ranges, and categories to 0 or 1 by the lists, that the schema file with SHA-256 {} "
        "declares, and by nothing computed from the records",
        data.schema_sha256);
  return fmt::format("pixels by the public constant {}, and by nothing computed from the records", kPixelScaling);
}

}  // namespace sotto::tools

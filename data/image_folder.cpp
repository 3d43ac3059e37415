#include <fmt/format.h>
#include <sotto/data/classes.h>
#include <sotto/data/image_folder.h>
#include <sotto/privacy/error.h>

#include <algorithm>
#include <cctype>
#include <optional>

namespace sotto::data {
namespace {

struct Entry {
  std::filesystem::path path;
  std::size_t label;
};

void check(const ImageFolderOptions& o) {
  check(o.shape);
  if (!are_class_names(o.classes))
    throw UsageError(fmt::format("[read_image_folder] {} classes; 2 to {} distinct names are needed", o.classes.size(),
                                 kMaxClasses));
  if (o.max_bytes < 1)
    throw UsageError(fmt::format("[read_image_folder] max_bytes: {}; must be positive", o.max_bytes));
}

[[noreturn]] void refuse(const std::filesystem::path& path, const std::string& what) {
  throw DataError(fmt::format("[read_image_folder] {}: {}", path.string(), what));
}

std::optional<std::size_t> label_of(const std::string& name, const ImageFolderOptions& options) {
  const auto found = std::ranges::find(options.classes, name);
  if (found == options.classes.end()) return std::nullopt;
  return static_cast<std::size_t>(found - options.classes.begin());
}

bool is_picture_name(const std::filesystem::path& path) {
  std::string end = path.extension().string();
  std::ranges::transform(end, end.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return end == ".png" || end == ".jpg" || end == ".jpeg";
}

std::vector<std::filesystem::path> sorted_entries(const std::filesystem::path& folder) {
  std::error_code error;
  std::vector<std::filesystem::path> result;
  for (std::filesystem::directory_iterator it(folder, error), end; !error && it != end; it.increment(error))
    result.push_back(it->path());
  if (error) refuse(folder, "cannot read the folder: " + error.message());
  std::ranges::sort(result);
  return result;
}

LabelledImages read_entries(const std::filesystem::path& where, const std::vector<Entry>& entries,
                            const ImageFolderOptions& o) {
  if (entries.empty()) refuse(where, "no picture is there");
  const std::int64_t each = o.shape.height * o.shape.width * o.shape.channels;
  const auto count = static_cast<std::int64_t>(entries.size());
  if (count > o.max_bytes / each)
    refuse(where, fmt::format("pictures of {} bytes each, more than the limit of {} bytes in all", each, o.max_bytes));
  LabelledImages result{.count = count,
                        .height = o.shape.height,
                        .width = o.shape.width,
                        .classes = static_cast<int>(o.classes.size()),
                        .pixels = {},
                        .labels = {},
                        .channels = o.shape.channels};
  std::vector<std::uint8_t> first(static_cast<std::size_t>(each));
  read_picture(entries[0].path, o.shape, first);  // before memory is taken for all of them
  result.pixels.resize(static_cast<std::size_t>(each * count));
  for (std::size_t i = 0; i < entries.size(); ++i) {
    const std::span<std::uint8_t> all(result.pixels);
    read_picture(entries[i].path, o.shape,
                 all.subspan(i * static_cast<std::size_t>(each), static_cast<std::size_t>(each)));
    result.labels.push_back(static_cast<std::uint8_t>(entries[i].label));
  }
  return result;
}

}  // namespace

LabelledImages read_image_folder(const std::filesystem::path& folder, const ImageFolderOptions& options) {
  check(options);
  std::vector<Entry> entries;
  std::vector<std::pair<std::size_t, std::filesystem::path>> classes;
  for (const std::filesystem::path& path : sorted_entries(folder)) {
    if (!std::filesystem::is_directory(path)) refuse(path, "is not in the folder of a class");
    const auto label = label_of(path.filename().string(), options);
    if (!label) refuse(path, "is the folder of no declared class");
    classes.emplace_back(*label, path);
  }
  std::ranges::sort(classes);
  for (const auto& [label, path] : classes) {
    for (const std::filesystem::path& file : sorted_entries(path)) {
      if (!is_picture_name(file)) refuse(file, "is no file that ends in .png, .jpg or .jpeg");
      entries.push_back({file, label});
    }
  }
  return read_entries(folder, entries, options);
}

}  // namespace sotto::data

#include <fmt/format.h>
#include <sotto/data/text_preset.h>
#include <sotto/privacy/error.h>

#include <algorithm>
#include <array>

namespace sotto::data {

std::span<const TextPreset> text_presets() {
  static const std::array<TextPreset, 2> presets = {{
      {.name = "movie-reviews",
       .description = "sentences of movie reviews, rated negative or positive",
       .folder = "reviews",
       .file = "movieReviewSnippets_GroundTruth.txt",
       .format = TextFormat::tsv,
       .header = true,
       .text_column = "text",
       .label_column = "sentiment",
       .labels = "<0 -> 0, >0 -> 1, drop 0",
       .drop_repeats = true,
       .test_fraction = 0.2,
       .split_seed = 1,
       .train_size = 8471},
      {.name = "sms-spam",
       .description = "text messages, spam or not",
       .folder = "sms",
       .file = "SMSSpamCollection.tsv",
       .format = TextFormat::tsv,
       .header = false,
       .text_column = "2",
       .label_column = "1",
       .labels = "ham, spam",
       .drop_repeats = true,
       .test_fraction = 0.2,
       .split_seed = 1,
       .train_size = 4090},
  }};
  return presets;
}

const TextPreset* find_text_preset(std::string_view name) {
  const auto presets = text_presets();
  const auto found = std::ranges::find(presets, name, &TextPreset::name);
  return found == presets.end() ? nullptr : &*found;
}

std::filesystem::path find_text_file(const TextPreset& preset, const std::vector<std::filesystem::path>& folders) {
  std::string searched;
  for (const std::filesystem::path& folder : folders) {
    std::filesystem::path candidate = folder / preset.folder / preset.file;
    std::error_code ignored;
    if (std::filesystem::is_regular_file(candidate, ignored)) return candidate;
    searched += (searched.empty() ? "" : ", ") + candidate.string();
  }
  throw DataError(
      fmt::format("[find_text_file] the texts of {} are none of: {}; 'tools/fetch_data.sh {}' fetches them; or set "
                  "SOTTO_DATA to the folder that holds {}/",
                  preset.name, searched, preset.folder, preset.folder));
}

}  // namespace sotto::data

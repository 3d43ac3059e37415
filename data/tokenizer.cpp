#include <fmt/format.h>
#include <sotto/data/tokenizer.h>
#include <sotto/data/tokenizer_config.h>
#include <sotto/privacy/error.h>

namespace sotto::data {

TokenIds encode(const Tokenizer& tokenizer, std::string_view text, std::size_t most_tokens) {
  return std::visit([&](const auto& t) { return t.encode(text, most_tokens); }, tokenizer);
}

std::int32_t vocabulary_size(const Tokenizer& tokenizer) {
  return std::visit([](const auto& t) { return t.vocabulary_size(); }, tokenizer);
}

std::int32_t pad_id(const Tokenizer& tokenizer) {
  return std::visit([](const auto& t) { return t.pad_id(); }, tokenizer);
}

std::filesystem::path tokenizer_file(const std::filesystem::path& folder) {
  for (const char* name : {"tokenizer.json", "vocab.txt"}) {
    std::error_code ignored;
    if (std::filesystem::is_regular_file(folder / name, ignored)) return folder / name;
  }
  throw DataError(fmt::format("[tokenizer_file] {} holds neither tokenizer.json nor vocab.txt", folder.string()));
}

std::vector<std::filesystem::path> tokenizer_files(const std::filesystem::path& file) {
  std::vector<std::filesystem::path> result = {file};
  const std::filesystem::path settings = file.parent_path() / kTokenizerConfig;
  std::error_code ignored;
  if (std::filesystem::exists(settings, ignored)) result.push_back(settings);
  return result;
}

WordPiece read_word_piece(const std::filesystem::path& file) {
  const std::vector<std::filesystem::path> files = tokenizer_files(file);
  if (file.extension() == ".json") {
    WordPiece pieces = WordPiece::from_tokenizer(file);
    if (files.size() > 1) require_same_text(files[1], pieces.text_settings());
    return pieces;
  }
  return WordPiece::from_vocabulary(file, files.size() > 1 ? read_tokenizer_config(files[1]) : BertTextSettings{});
}

}  // namespace sotto::data

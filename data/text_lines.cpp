#include <fmt/format.h>
#include <sotto/data/text_lines.h>
#include <sotto/privacy/error.h>

#include <algorithm>
#include <array>
#include <utility>

namespace sotto::data {

struct TextLines::State {
  std::filesystem::path path;
  std::unique_ptr<InputFile> file;  // nothing: `text` holds it all
  std::string text;
  std::array<std::uint8_t, 1 << 16> block{};
  std::size_t position = 0, size = 0, taken = 0;
  std::int64_t number = 0;

  bool refill() {
    position = 0;
    if (file) {
      size = file->read(block);
    } else {
      size = std::min(text.size() - taken, block.size());
      std::copy_n(text.begin() + static_cast<std::ptrdiff_t>(taken), size, block.begin());
      taken += size;
    }
    return size > 0;
  }
};

TextLines::TextLines(const std::filesystem::path& path) : state_(std::make_unique<State>()) {
  state_->path = path;
  state_->file = std::make_unique<InputFile>(path);
}
TextLines::TextLines(StandardInput source) : state_(std::make_unique<State>()) {
  state_->path = "standard input";
  state_->file = std::make_unique<InputFile>(source);
}
TextLines::TextLines(const std::filesystem::path& path, std::string text) : state_(std::make_unique<State>()) {
  state_->path = path;
  state_->text = std::move(text);
}
TextLines::~TextLines() = default;

std::int64_t TextLines::number() const {
  return state_->number;
}

void TextLines::refuse(const std::string& what) const {
  refuse(state_->number, what);
}

void TextLines::refuse(std::int64_t line, const std::string& what) const {
  throw DataError(fmt::format("[TextLines] {}, line {}: {}", state_->path.string(), line, what));
}

std::optional<std::string> TextLines::next() {
  State& s = *state_;
  std::string line;
  bool any = false;
  while (s.position < s.size || s.refill()) {
    if (!any) ++s.number;
    any = true;
    const char byte = static_cast<char>(s.block[s.position++]);
    if (byte == '\n') break;
    if (byte == '\0') refuse("a zero byte; this is not a text file");
    if (line.size() == kMaxLineBytes) refuse(fmt::format("longer than {} bytes", kMaxLineBytes));
    line += byte;
  }
  if (!any) return std::nullopt;
  if (!line.empty() && line.back() == '\r') line.pop_back();
  return line;
}

}  // namespace sotto::data

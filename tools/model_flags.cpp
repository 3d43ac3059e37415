#include <fmt/format.h>
#include <fmt/ranges.h>
#include <sotto/privacy/error.h>
#include <sotto/tools/model_flags.h>
#include <sotto/tools/numbers.h>

#include <algorithm>
#include <limits>

namespace sotto::tools {
namespace {

constexpr int64_t kLargestCount = std::numeric_limits<int32_t>::max();
constexpr std::string_view kTokens = "tokens:";

// Numbers with an x between them.
std::vector<int64_t> parse_sizes(const char* flag, const std::string& text) {
  std::vector<int64_t> sizes;
  int64_t product = 1;
  for (size_t begin = 0; begin <= text.size();) {
    const size_t end = std::min(text.find('x', begin), text.size());
    const int64_t size = parse_integer(flag, text.substr(begin, end - begin));
    if (size < 1 || size > kLargestCount / product)
      throw UsageError(
          fmt::format("[{}] bad value: '{}'; sizes must be at least 1 and their product below 2^31", flag, text));
    product *= size;
    sizes.push_back(size);
    begin = end + 1;
  }
  return sizes;
}

}  // namespace

bool names_model_file(std::string_view text) {
  return text.ends_with(".ts") || text.ends_with(".pt") || text.find('/') != std::string_view::npos;
}

bool is_text_network(std::string_view text) {
  return std::ranges::find(kTextNetworks, text) != kTextNetworks.end();
}

void require_text_model(const std::string& text) {
  if (text == kMiniLm || is_text_network(text) || text.find('/') != std::string::npos) return;
  throw UsageError(fmt::format(
      "[--model] unknown value: '{}'; for texts allowed are {}, {}, and the folder of a published BERT model, with a "
      "slash: {}/",
      text, kMiniLm, fmt::join(kTextNetworks, ", "), text));
}

void require_model(const std::string& text) {
  if (names_model_file(text) || text == kMobileNet) return;
  if (std::ranges::find(kReadyModels, text) != kReadyModels.end()) return;
  throw UsageError(fmt::format(
      "[--model] unknown value: '{}'; allowed are {}, {}, and a TorchScript file (*.ts, *.pt, or with a slash)", text,
      fmt::join(kReadyModels, ", "), kMobileNet));
}

InputType parse_input_type(const std::string& text) {
  if (text == "float") return {};
  if (!text.starts_with(kTokens))
    throw UsageError(fmt::format(
        "[--input-type] bad value: '{}'; allowed are float and tokens:VOCABULARY, such as tokens:50", text));
  const int64_t vocabulary = parse_integer("--input-type", text.substr(kTokens.size()));
  if (vocabulary < 1 || vocabulary > kLargestCount)
    throw UsageError(fmt::format("[--input-type] bad vocabulary: {}; allowed is 1 to {}", vocabulary, kLargestCount));
  return {.tokens = true, .vocabulary = vocabulary};
}

std::vector<int64_t> parse_input_sizes(const std::string& text) {
  std::vector<int64_t> sizes = parse_sizes("--input", text);
  if (sizes.size() < 2 || sizes[0] < 2)
    throw UsageError(fmt::format(
        "[--input] bad value: '{}'; give at least two records and the sizes of one, such as 8x1x28x28", text));
  return sizes;
}

data::PictureShape parse_picture_shape(const std::string& text) {
  const std::vector<int64_t> sizes = parse_sizes("--picture-shape", text);
  if (sizes.size() != 3)
    throw UsageError(
        fmt::format("[--picture-shape] bad value: '{}'; must be CHANNELSxHEIGHTxWIDTH, such as 3x32x32", text));
  const data::PictureShape shape{.height = sizes[1], .width = sizes[2], .channels = sizes[0]};
  data::check(shape);
  return shape;
}

}  // namespace sotto::tools

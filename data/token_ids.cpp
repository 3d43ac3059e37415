#include <fmt/format.h>
#include <sotto/data/token_ids.h>
#include <sotto/data/utf8.h>
#include <sotto/privacy/error.h>

namespace sotto::data {

void check_text(std::string_view function, std::string_view text) {
  if (text.size() > kMaxTextBytes)
    throw DataError(fmt::format("[{}] a text longer than {} bytes", function, kMaxTextBytes));
  if (const auto at = first_invalid_utf8(text))
    throw DataError(fmt::format("[{}] a text that is not UTF-8 at byte {}", function, *at));
}

}  // namespace sotto::data

#include "config_input.h"

#include <sotto/privacy/error.h>
#include <sotto/tools/config_file.h>

#include <optional>
#include <string>

#include "../../support/fuzz_bytes.h"

namespace sotto::tools::testing {
namespace {

using sotto::testing::check;

std::optional<TrainOptions> accepted(const std::string& text) {
  try {
    const KeyTexts keys = parse_config(text, "input");
    for (const auto& [name, value] : keys) check(find_train_key(name) != nullptr);
    return train_options(keys);
  } catch (const UsageError&) {
    return std::nullopt;
  }
}

}  // namespace

void take_config_input(std::span<const std::uint8_t> bytes) {
  const auto read = accepted(std::string(bytes.begin(), bytes.end()));
  if (!read) return;
  const auto again = accepted(format_config(*read, "made of\nany bytes"));
  check(again.has_value());
  const TrainOptions defaults;
  for (const TrainKey& key : train_keys()) {
    const auto value = key.get(*read);
    check(key.get(*again) == (value ? value : key.get(defaults)));
  }
}

}  // namespace sotto::tools::testing

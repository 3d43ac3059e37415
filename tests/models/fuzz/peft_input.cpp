#include "peft_input.h"

#include <sotto/models/peft_config.h>
#include <sotto/privacy/error.h>

#include <algorithm>
#include <optional>
#include <string>

#include "../../support/fuzz_bytes.h"
#include "../../support/memory_file.h"

namespace sotto::models::testing {
namespace {

using sotto::testing::check;

std::optional<PeftConfig> accepted(std::string_view text) {
  static const sotto::testing::MemoryFile file;
  try {
    return read_peft_config(file.holding(text));
  } catch (const DataError&) {
    return std::nullopt;
  }
}

}  // namespace

void take_peft_input(std::span<const std::uint8_t> bytes) {
  const auto read = accepted(std::string(bytes.begin(), bytes.end()));
  if (!read) return;
  check(read->rank >= 1 && read->rank <= 65'536 && read->alpha > 0 && read->alpha <= kMostPeftAlpha);
  check(!read->target_modules.empty() && std::ranges::count(read->target_modules, "") == 0);
  const auto again = accepted(format_peft_config(*read));
  check(again && again->base_model == read->base_model && again->rank == read->rank && again->alpha == read->alpha &&
        again->target_modules == read->target_modules);
}

}  // namespace sotto::models::testing

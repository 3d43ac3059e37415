#include "events_input.h"

#include <sotto/privacy/error.h>
#include <sotto/privacy/event.h>
#include <sotto/privacy/event_json.h>

#include <algorithm>
#include <optional>
#include <string>
#include <type_traits>
#include <variant>

#include "../../support/fuzz_bytes.h"

namespace sotto::privacy::testing {
namespace {

using sotto::testing::check;

int depth(const Event& event) {
  return std::visit(
      [](const auto& kind) {
        using Kind = std::decay_t<decltype(kind)>;
        int below = 0;
        if constexpr (std::is_same_v<Kind, SelfComposed>) below = 1 + depth(*kind.event);
        if constexpr (std::is_same_v<Kind, Composed>)
          for (const Event& part : kind.events) below = std::max(below, 1 + depth(part));
        return below;
      },
      event.variant());
}

}  // namespace

void take_events_input(std::span<const std::uint8_t> bytes) {
  const std::string given(bytes.begin(), bytes.end());
  std::optional<AccountedEvents> read;
  try {
    read = parse_events(given);
  } catch (const UsageError&) {
    return;
  }
  check(read->adjacency.has_value());
  validate(read->event);
  check(depth(read->event) <= kDeepestEvent);
  const std::string canonical = to_json(*read);
  check(std::ranges::none_of(canonical, [](char c) { return c == ' ' || c == '\n' || c == '\t' || c == '\r'; }));
  check(to_json(parse_events(canonical)) == canonical);
}

}  // namespace sotto::privacy::testing

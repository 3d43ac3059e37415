#include <fmt/format.h>
#include <sotto/privacy/adjacency.h>
#include <sotto/privacy/error.h>

namespace sotto::privacy {

std::string_view to_string(Adjacency adjacency) {
  switch (adjacency) {
    case Adjacency::add_remove:
      return "add-remove";
    case Adjacency::zero_out:
      return "zero-out";
    case Adjacency::replace_one:
      return "replace-one";
  }
  throw UsageError(fmt::format("[to_string] not an adjacency: {}; allowed are add_remove, zero_out, replace_one",
                               static_cast<int>(adjacency)));
}

Adjacency parse_adjacency(std::string_view text) {
  for (const Adjacency adjacency : {Adjacency::add_remove, Adjacency::zero_out, Adjacency::replace_one})
    if (text == to_string(adjacency)) return adjacency;
  throw UsageError(
      fmt::format("[parse_adjacency] unknown adjacency: '{}'; allowed are add-remove, zero-out, replace-one", text));
}

void validate(const PrivacyUnit& unit) {
  const bool group = unit.kind == PrivacyUnit::Kind::group;
  if (unit.size < 1 || unit.size > (group ? kLargestGroup : 1))
    throw UsageError(fmt::format("[PrivacyUnit] bad size: {}; allowed is 1 for a record or a user, 1 to {} for a group",
                                 unit.size, kLargestGroup));
}

std::string to_string(const PrivacyUnit& unit) {
  switch (unit.kind) {
    case PrivacyUnit::Kind::record:
      return "record";
    case PrivacyUnit::Kind::user:
      return "user";
    case PrivacyUnit::Kind::group:
      return fmt::format("group of {}", unit.size);
  }
  throw UsageError(fmt::format("[to_string] not a privacy unit: {}", static_cast<int>(unit.kind)));
}

}  // namespace sotto::privacy

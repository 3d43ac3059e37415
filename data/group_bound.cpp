#include <fmt/format.h>
#include <sotto/data/group_bound.h>
#include <sotto/data/keyed_hash.h>
#include <sotto/privacy/error.h>

#include <algorithm>
#include <utility>

namespace sotto::data {

std::vector<bool> bounded_groups(std::span<const std::int64_t> groups, std::span<const std::string> names,
                                 std::int64_t most, std::uint64_t seed) {
  if (most < 1) throw UsageError(fmt::format("[bounded_groups] most: {}; must be at least 1", most));
  std::vector<std::vector<std::size_t>> members(names.size());
  for (std::size_t i = 0; i < groups.size(); ++i) {
    if (groups[i] < 0 || groups[i] >= static_cast<std::int64_t>(names.size()))
      throw UsageError("[bounded_groups] a group has no name");
    members[static_cast<std::size_t>(groups[i])].push_back(i);
  }

  std::vector<bool> stays(groups.size(), true);
  for (std::size_t g = 0; g < members.size(); ++g) {
    if (static_cast<std::int64_t>(members[g].size()) <= most) continue;
    std::vector<std::pair<std::uint64_t, std::size_t>> ranked;
    for (std::size_t place = 0; place < members[g].size(); ++place)
      ranked.emplace_back(keyed_hash(seed, "group bound", names[g] + '\0' + std::to_string(place)), members[g][place]);
    std::ranges::sort(ranked);
    for (std::size_t i = static_cast<std::size_t>(most); i < ranked.size(); ++i) stays[ranked[i].second] = false;
  }
  return stays;
}

}  // namespace sotto::data

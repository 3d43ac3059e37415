#pragma once
// Bounds what a group (a person, a document) contributes, so that it can be the unit of privacy.

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace sotto::data {

// Whether each record stays: of a group with more than `most` records, `most` >= 1, those stay whose
// keyed_hash(seed, "group bound", NAME zero-byte PLACE) is least, where PLACE is the record's place among those of its
// group, from 0, in decimal. So what stays of a group is a function of the group alone, and of the seed.
// groups[i] is an index into `names`, which differ and hold no zero byte. Throws UsageError for most < 1 and an index
// that is out of range.
std::vector<bool> bounded_groups(std::span<const std::int64_t> groups, std::span<const std::string> names,
                                 std::int64_t most, std::uint64_t seed);

}  // namespace sotto::data

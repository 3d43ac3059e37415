#pragma once
// Which pairs of data sets a guarantee makes hard to tell apart, and what counts as one step between them. There is no
// default for the adjacency: epsilon without it means nothing.

#include <cstdint>
#include <string>
#include <string_view>

namespace sotto::privacy {

//   add_remove   one record more or less; the number of records is itself secret
//   zero_out     one record replaced by a null record; the number of records is public; same numbers as add_remove
//   replace_one  one record replaced by another; the number of records is public; sensitivity is twice the clip norm
enum class Adjacency { add_remove, zero_out, replace_one };

// "add-remove", "zero-out", "replace-one".
std::string_view to_string(Adjacency adjacency);
// Inverse of to_string. Throws UsageError naming the text got and the three that are allowed.
Adjacency parse_adjacency(std::string_view text);

// The privacy unit: whose presence is protected.
//   record  one record
//   user    one user, when users are what is sampled and what is clipped: the same numbers, with users for records
//   group   up to `size` records at once, each sampled independently of the others (grouped_events.h)
struct PrivacyUnit {
  enum class Kind { record, user, group };
  Kind kind = Kind::record;
  int64_t size = 1;  // of a group: 1 .. kLargestGroup; 1 otherwise
};
inline constexpr int64_t kLargestGroup = 1000;

// Throws UsageError when the size does not fit the kind.
void validate(const PrivacyUnit& unit);
// "record", "user", "group of 3".
std::string to_string(const PrivacyUnit& unit);

}  // namespace sotto::privacy

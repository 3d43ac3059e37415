#pragma once
// How many classes labels of one byte can have, and what their names must be. Used by the readers of data.

#include <cstddef>
#include <span>
#include <string>

namespace sotto::data {

inline constexpr std::size_t kMinClasses = 2, kMaxClasses = 256;

// Whether these are kMinClasses to kMaxClasses distinct names, none of them empty.
bool are_class_names(std::span<const std::string> names);

}  // namespace sotto::data

#pragma once
// Which texts are the same, byte for byte.

#include <cstddef>
#include <span>
#include <string>
#include <vector>

namespace sotto::data {

// The places of every text that occurs more than once: each list ascending, the lists by their first place. Sorts
// places, so that no choice of texts makes it slower than n log n comparisons; 8 bytes a text.
std::vector<std::vector<std::size_t>> repeated_texts(std::span<const std::string> texts);

}  // namespace sotto::data

#pragma once
// The groups of a GroupNorm that takes the place of a batch norm.

#include <cstdint>

namespace sotto::optim {

// The most groups, at most 32, that divide the channels and have at least four channels each; 1 when there are none.
// Groups of one channel would normalise a value by itself where there is no spatial extent.
int64_t group_count(int64_t channels);

}  // namespace sotto::optim

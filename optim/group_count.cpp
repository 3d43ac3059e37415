#include <sotto/optim/group_count.h>

#include <algorithm>

namespace sotto::optim {

int64_t group_count(int64_t channels) {
  constexpr int64_t kMostGroups = 32;
  constexpr int64_t kSmallestGroup = 4;
  for (int64_t groups = std::min(kMostGroups, channels / kSmallestGroup); groups > 1; --groups) {
    if (channels % groups == 0) return groups;
  }
  return 1;
}

}  // namespace sotto::optim

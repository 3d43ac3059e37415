#include <malloc.h>
#include <sotto/tools/keep_freed_memory.h>

#include <limits>

namespace sotto::tools {

void keep_freed_memory() {
  constexpr int kNever = std::numeric_limits<int>::max();
  constexpr int kGrowBy = 64 << 20;
  mallopt(M_MMAP_THRESHOLD, kNever);  // blocks of their own mapping go back to the system when freed
  mallopt(M_TRIM_THRESHOLD, kNever);
  mallopt(M_TOP_PAD, kGrowBy);
}

}  // namespace sotto::tools

#pragma once
// Where the scratch of a kernel begins. Part of the kernels, not for users.

#include <cstddef>
#include <cstdint>

namespace sotto::kernels::detail {

// The first address in `scratch` that is a multiple of `line`; less than a line further on.
inline unsigned char* aligned(void* scratch, std::size_t line) {
  const auto address = reinterpret_cast<std::uintptr_t>(scratch);
  return static_cast<unsigned char*>(scratch) + (line - address % line) % line;
}

}  // namespace sotto::kernels::detail

#pragma once
// A setting of this process's memory allocator, for programs only: a library must leave that choice to its user.

namespace sotto::tools {

// Keeps freed memory instead of giving it back to the system. LibTorch allocates and frees the same large blocks in
// every step, and the page faults of first touching them again take longer than the arithmetic.
void keep_freed_memory();

}  // namespace sotto::tools

#pragma once
// Watches operator new in the whole test program, to see how much memory the code under test asks for at once.

#include <cstddef>

namespace sotto::data::testing {

// The largest single request since the last call.
std::size_t take_largest_request();

}  // namespace sotto::data::testing

#pragma once
// Work that is measured in a process of its own.

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace sotto::benchmarks {

struct ChildOutcome {
  std::string result;      // what `work` returned
  std::string error;       // what it threw; empty when it did not
  int64_t peak_bytes = 0;  // most memory that was resident, that of the parent at the start included
};

// Runs `work` in a child made by fork. The calling process must have no other threads. Throws IoError when no child can
// be made, or when it ended by a signal.
ChildOutcome run_in_child(const std::function<std::string()>& work);

// What the program prints on its standard output; words[0] is the program. Throws IoError when it cannot be started or
// ends with a status other than 0.
std::string output_of(const std::vector<std::string>& words);

}  // namespace sotto::benchmarks

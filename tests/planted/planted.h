#pragma once
// The first line of every changed copy of a source (plant.cmake): which of the faults in it is executed.

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <random>

namespace sotto {

// Whether the fault with this name is the one that is planted now; none is, unless the test says so.
bool planted(const char* name);

// While it lives, the fault with this name is planted. One at a time.
class Planted {
 public:
  explicit Planted(const char* name);
  ~Planted();
  Planted(const Planted&) = delete;
  Planted& operator=(const Planted&) = delete;
};

// A number that a fault carries from one source to another.
inline thread_local std::int64_t planted_number = 0;

}  // namespace sotto

#pragma once
// An interval that certainly holds the exact value.

namespace sotto::privacy {

struct Bracket {
  double lower = 0;
  double upper = 0;
  double width() const { return upper - lower; }
};

}  // namespace sotto::privacy

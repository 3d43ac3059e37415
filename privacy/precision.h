#pragma once
// How narrow a bracket is wanted.

namespace sotto::privacy {

// A bracket of epsilon is refined until its width is at most `absolute`, or `relative` times its upper end where that
// is less; one of delta until it is at most `relative` times its upper end. Both finite and > 0. An engine that cannot
// reach it returns the bracket that it has, which is valid all the same.
struct Precision {
  double absolute = 1e-3;
  double relative = 5e-3;
};

}  // namespace sotto::privacy

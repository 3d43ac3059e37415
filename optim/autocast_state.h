#pragma once
// Whether and how operators change the dtype of their arguments in this thread (at::autocast).

#include <ATen/core/Tensor.h>
#include <c10/core/DispatchKeySet.h>

#include <array>

namespace sotto::optim {

// What is in force when it is made, for CPUs and CUDA.
class AutocastState {
 public:
  AutocastState();

 private:
  friend class RestoredAutocast;
  c10::DispatchKeySet excluded_;
  std::array<at::ScalarType, 2> dtypes_;
};

// Puts a state into force for as long as it lives.
class RestoredAutocast {
 public:
  explicit RestoredAutocast(const AutocastState& state);
  ~RestoredAutocast();
  RestoredAutocast(const RestoredAutocast&) = delete;
  RestoredAutocast& operator=(const RestoredAutocast&) = delete;

 private:
  AutocastState before_;
};

}  // namespace sotto::optim

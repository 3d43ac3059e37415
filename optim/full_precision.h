#pragma once
// Holds LibTorch's reduced-precision modes for float products off while it lives, and restores them afterwards.
//
// With at::globalContext().setFloat32MatmulPrecision("medium") LibTorch rounds the factors of float products to
// bfloat16 on processors that multiply it, and with "high" to TF32; convolutions on a CUDA device are rounded to TF32
// unless a program says otherwise. A norm and a weighted sum that come from different
// products then differ by up to 2^-8 per factor, so that a contribution can exceed the clip norm. The bound of the
// weight rules holds for IEEE float products, in the norm and in the sum.
//
// The modes are settings of the whole process: what other threads multiply meanwhile is in full precision too. A mode
// that the program sets while an object of this class lives takes effect; do not.

namespace sotto::optim {

class FullPrecision {
 public:
  FullPrecision();
  ~FullPrecision();
  FullPrecision(const FullPrecision&) = delete;
  FullPrecision& operator=(const FullPrecision&) = delete;
};

}  // namespace sotto::optim

// Only the clipper makes a sum: a sensitivity cannot be stated by hand.
#include <sotto/optim/clipped_sum.h>

sotto::optim::ClippedSum make(std::vector<at::Tensor> raw, sotto::optim::ClippedSum clipped) {
#ifdef SOTTO_CONTROL
  (void)raw;
  return clipped;
#else
  (void)clipped;
  return sotto::optim::ClippedSum(std::move(raw), 1.0);
#endif
}

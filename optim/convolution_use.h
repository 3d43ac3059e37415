#pragma once
// Per-record gradients of convolution weights in one, two and three dimensions, with stride, padding, dilation and
// groups: g_i = sum over output places of (output gradient) x (unfolded input), Rochette et al., arXiv:1912.06015.

#include <sotto/optim/parameter_use.h>

#include <memory>

namespace sotto::optim {

struct ConvolutionGeometry {
  std::vector<int64_t> kernel;  // sizes of the kernel, one per spatial dimension
  std::vector<int64_t> stride;
  std::vector<int64_t> padding;
  std::vector<int64_t> dilation;
  int64_t groups = 1;
  bool transposed = false;
};

// `input` is [B, channels, spatial...] with the batch in dimension 0 (several images per record are allowed),
// `output_sizes` those of the operator's output.
std::unique_ptr<ParameterUse> make_convolution_use(const at::Tensor& input, BatchPosition input_position,
                                                   BatchPosition output_position, at::IntArrayRef output_sizes,
                                                   int64_t batch, ConvolutionGeometry geometry);

}  // namespace sotto::optim

#pragma once
// Convolutions for the tests of kernels, and gradients that are formed in long double from the definition.

#include <sotto/kernels/convolution_norms.h>

#include <cmath>
#include <vector>

#include "random_values.h"

namespace sotto::kernels::testing {

template <class T>
struct ConvolutionCase {
  ConvolutionShape shape;
  std::vector<T> image, gradient;
};

// Sizes of the output, strides of the records with a gap, and random values; the other fields are as given.
template <class T>
ConvolutionCase<T> random_convolution(ConvolutionShape s) {
  const auto out = [](std::size_t size, std::size_t padding, std::size_t kernel, std::size_t dilation,
                      std::size_t stride) {
    const std::size_t patch = (kernel - 1) * dilation + 1;
    return size + 2 * padding < patch ? 0 : (size + 2 * padding - patch) / stride + 1;
  };
  s.out_height = out(s.height, s.padding_y, s.kernel_height, s.dilation_y, s.stride_y);
  s.out_width = out(s.width, s.padding_x, s.kernel_width, s.dilation_x, s.stride_x);
  const std::size_t of_images = s.images * s.channels * s.height * s.width;
  const std::size_t of_outputs = s.images * s.outputs * s.out_height * s.out_width;
  s.image_record_stride = of_images + 5;
  s.gradient_record_stride = of_outputs + 2;
  RandomValues<T> random(of_images + 1000 * of_outputs);
  ConvolutionCase<T> c{s, {}, {}};
  c.image = random(s.records == 0 ? 0 : (s.records - 1) * s.image_record_stride + of_images);
  c.gradient = random(s.records == 0 ? 0 : (s.records - 1) * s.gradient_record_stride + of_outputs);
  return c;
}

// Kernels, strides, paddings, dilations and groups, small and ragged.
inline std::vector<ConvolutionShape> convolution_shapes() {
  return {
      {.records = 2,
       .channels = 1,
       .height = 12,
       .width = 11,
       .outputs = 16,
       .kernel_height = 8,
       .kernel_width = 8,
       .stride_y = 2,
       .stride_x = 2,
       .padding_y = 3,
       .padding_x = 3},
      {.records = 2,
       .channels = 3,
       .height = 9,
       .width = 9,
       .outputs = 32,
       .kernel_height = 4,
       .kernel_width = 4,
       .stride_y = 2,
       .stride_x = 2},
      {.records = 2,
       .channels = 4,
       .height = 5,
       .width = 6,
       .outputs = 33,
       .kernel_height = 3,
       .kernel_width = 3,
       .padding_y = 1,
       .padding_x = 1},
      {.records = 1,
       .channels = 2,
       .height = 7,
       .width = 9,
       .outputs = 5,
       .kernel_height = 3,
       .kernel_width = 2,
       .stride_y = 1,
       .stride_x = 3,
       .padding_y = 2,
       .padding_x = 0,
       .dilation_y = 2,
       .dilation_x = 3},
      {.records = 2,
       .channels = 6,
       .height = 4,
       .width = 4,
       .outputs = 9,
       .kernel_height = 3,
       .kernel_width = 3,
       .padding_y = 1,
       .padding_x = 1,
       .groups = 3},
      {.records = 2,
       .channels = 4,
       .height = 6,
       .width = 6,
       .outputs = 4,
       .kernel_height = 3,
       .kernel_width = 3,
       .groups = 4},
      {.records = 2,
       .images = 3,
       .channels = 2,
       .height = 5,
       .width = 5,
       .outputs = 7,
       .kernel_height = 2,
       .kernel_width = 2},
      {.records = 2,
       .channels = 5,
       .height = 1,
       .width = 17,
       .outputs = 70,
       .kernel_height = 1,
       .kernel_width = 5,
       .stride_x = 2,
       .padding_x = 2},
      {.records = 2, .channels = 9, .height = 1, .width = 1, .outputs = 3, .kernel_height = 1, .kernel_width = 1},
  };
}

struct ConvolutionTruth {
  std::vector<long double> gradient;   // in the order of kept
  std::vector<long double> magnitude;  // the same sums of absolute values
};

template <class T>
ConvolutionTruth truth_of(const ConvolutionCase<T>& c, std::size_t record) {
  const ConvolutionShape& s = c.shape;
  const std::size_t inputs = s.channels / s.groups, outputs = s.outputs / s.groups;
  ConvolutionTruth truth;
  for (std::size_t g = 0; g < s.groups; ++g)
    for (std::size_t k = 0; k < inputs; ++k)
      for (std::size_t y = 0; y < s.kernel_height; ++y)
        for (std::size_t x = 0; x < s.kernel_width; ++x)
          for (std::size_t o = 0; o < outputs; ++o) {
            long double sum = 0, magnitude = 0;
            for (std::size_t m = 0; m < s.images; ++m)
              for (std::size_t u = 0; u < s.out_height; ++u)
                for (std::size_t v = 0; v < s.out_width; ++v) {
                  const auto row =
                      static_cast<long>(u * s.stride_y + y * s.dilation_y) - static_cast<long>(s.padding_y);
                  const auto column =
                      static_cast<long>(v * s.stride_x + x * s.dilation_x) - static_cast<long>(s.padding_x);
                  if (row < 0 || column < 0 || row >= static_cast<long>(s.height) ||
                      column >= static_cast<long>(s.width))
                    continue;
                  const std::size_t of_image =
                      (m * s.channels + g * inputs + k) * s.height + static_cast<std::size_t>(row);
                  const std::size_t of_output = (m * s.outputs + g * outputs + o) * s.out_height + u;
                  const long double term =
                      static_cast<long double>(c.image[record * s.image_record_stride + of_image * s.width +
                                                       static_cast<std::size_t>(column)]) *
                      c.gradient[record * s.gradient_record_stride + of_output * s.out_width + v];
                  sum += term;
                  magnitude += std::abs(term);
                }
            truth.gradient.push_back(sum);
            truth.magnitude.push_back(magnitude);
          }
  return truth;
}

}  // namespace sotto::kernels::testing

// Squares of the gradients and their sums; the gradients are in the type of the input.
// f64: outer_tiles, add_parts

#include <sotto/kernels/convolution_norms.h>

#include <cstdint>
#include <sotto/kernels/tile_sums.cuh>

namespace sotto::kernels::cuda {
namespace {

// Rows are the taps of a group, columns its outputs.
template <class T>
struct Patches {
  struct Tables {
    int channel[kTile], row[kTile], column[kTile];  // of a tap, relative to its place
    int image[kSlab], y[kSlab], x[kSlab];           // of a place; y and x are negative in the padding
  };
  static constexpr bool kPlacesFirst = true;
  ConvolutionShape shape;
  const T* images;
  const T* gradients;

  __host__ __device__ std::size_t rows() const {
    return shape.channels / shape.groups * shape.kernel_height * shape.kernel_width;
  }
  __host__ __device__ std::size_t columns() const { return shape.outputs / shape.groups; }
  __host__ __device__ std::size_t places() const { return shape.images * shape.out_height * shape.out_width; }
  __host__ __device__ std::size_t groups() const { return shape.groups; }

  __device__ void prepare_row(Tables& tables, int local, std::size_t tap, std::size_t group) const {
    const std::size_t kernel = shape.kernel_height * shape.kernel_width;
    tables.channel[local] = static_cast<int>(group * (shape.channels / shape.groups) + tap / kernel);
    tables.row[local] = static_cast<int>(tap % kernel / shape.kernel_width * shape.dilation_y);
    tables.column[local] = static_cast<int>(tap % shape.kernel_width * shape.dilation_x);
  }
  __device__ void prepare_place(Tables& tables, int local, std::size_t place) const {
    const std::size_t out = shape.out_height * shape.out_width;
    tables.image[local] = static_cast<int>(place / out);
    tables.y[local] =
        static_cast<int>(place % out / shape.out_width * shape.stride_y) - static_cast<int>(shape.padding_y);
    tables.x[local] = static_cast<int>(place % shape.out_width * shape.stride_x) - static_cast<int>(shape.padding_x);
  }
  __device__ T left(const Tables& tables, std::size_t record, std::size_t, std::size_t, int place, std::size_t,
                    int tap) const {
    const int y = tables.y[place] + tables.row[tap];
    const int x = tables.x[place] + tables.column[tap];
    if (y < 0 || x < 0 || y >= static_cast<int>(shape.height) || x >= static_cast<int>(shape.width)) return T{};
    const std::size_t plane = tables.image[place] * shape.channels + tables.channel[tap];
    return __ldg(images + record * shape.image_record_stride + (plane * shape.height + y) * shape.width + x);
  }
  __device__ T right(const Tables& tables, std::size_t record, std::size_t group, std::size_t place, int local,
                     std::size_t output) const {
    const std::size_t out = shape.out_height * shape.out_width;
    const std::size_t plane = tables.image[local] * shape.outputs + group * columns() + output;
    return __ldg(gradients + record * shape.gradient_record_stride + plane * out + place % out);
  }
};

}  // namespace

void convolution_norms(const ConvolutionShape& shape, const float* image, const float* gradient, float* kept,
                       std::size_t kept_stride, void* scratch, double* computed, Stream stream, unsigned block) {
  detail::check_convolution(shape);
  launch_tiles<float>(Patches<float>{shape, image, gradient}, shape.records, kept, kept_stride,
                      static_cast<double*>(scratch), computed, stream, block);
}
void convolution_norms(const ConvolutionShape& shape, const double* image, const double* gradient, double* kept,
                       std::size_t kept_stride, void* scratch, double* computed, Stream stream, unsigned block) {
  detail::check_convolution(shape);
  launch_tiles<double>(Patches<double>{shape, image, gradient}, shape.records, kept, kept_stride,
                       static_cast<double*>(scratch), computed, stream, block);
}

}  // namespace sotto::kernels::cuda

// Squares of the gradients and their sums; the gradients are in the type of the input.
// f64: outer_tiles, add_parts

#include <sotto/kernels/tile_norms.h>

#include <sotto/kernels/tile_sums.cuh>

namespace sotto::kernels::cuda {
namespace {

template <class T>
struct Matrices {
  struct Tables {};
  static constexpr bool kPlacesFirst = false;
  OuterShape shape;
  const T* lefts;
  const T* rights;

  __host__ __device__ std::size_t rows() const { return shape.left_columns; }
  __host__ __device__ std::size_t columns() const { return shape.right_columns; }
  __host__ __device__ std::size_t places() const { return shape.positions; }
  __host__ __device__ std::size_t groups() const { return 1; }
  __device__ void prepare_row(Tables&, int, std::size_t, std::size_t) const {}
  __device__ void prepare_place(Tables&, int, std::size_t) const {}
  __device__ T left(const Tables&, std::size_t record, std::size_t, std::size_t t, int, std::size_t a, int) const {
    return __ldg(lefts + record * shape.left_record_stride + t * shape.left_position_stride + a);
  }
  __device__ T right(const Tables&, std::size_t record, std::size_t, std::size_t t, int, std::size_t b) const {
    return __ldg(rights + record * shape.right_record_stride + t * shape.right_position_stride + b);
  }
};

}  // namespace

void tile_norms(const OuterShape& shape, const float* left, const float* right, float* kept, std::size_t kept_stride,
                void* scratch, double* computed, Stream stream, unsigned block) {
  launch_tiles<float>(Matrices<float>{shape, left, right}, shape.records, kept, kept_stride,
                      static_cast<double*>(scratch), computed, stream, block);
}
void tile_norms(const OuterShape& shape, const double* left, const double* right, double* kept, std::size_t kept_stride,
                void* scratch, double* computed, Stream stream, unsigned block) {
  launch_tiles<double>(Matrices<double>{shape, left, right}, shape.records, kept, kept_stride,
                       static_cast<double*>(scratch), computed, stream, block);
}

}  // namespace sotto::kernels::cuda

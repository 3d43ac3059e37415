#pragma once
// The kernels of CUDA devices, in a library of their own that is opened when a device is asked for: nothing else of
// sotto needs CUDA to be there.
//
//   const CudaBackend& cuda = open_cuda_backend("lib/libsotto_cuda.so");
//   cuda.use_device(0);
//   const Stream stream = cuda.make_stream();
//   cuda.add_squared_norms_float(rows, row_count, columns, stride, out, stream, kDeviceBlock);
//
// Contracts, bits and sizes of blocks are those of the launchers of the same name in namespace cuda, in the headers
// below. Pointers that a launcher reads or writes are device memory of the
// device in use; work is done in the order of its stream, and what a kernel did wrong shows in synchronize().

#include <sotto/kernels/convolution_norms.h>
#include <sotto/kernels/device_error.h>
#include <sotto/kernels/embedding_norms.h>
#include <sotto/kernels/gaussian_noise.h>
#include <sotto/kernels/gram_norms.h>
#include <sotto/kernels/noisy_update.h>
#include <sotto/kernels/normalisation_rows.h>
#include <sotto/kernels/record_weights.h>
#include <sotto/kernels/squared_norms.h>
#include <sotto/kernels/stream.h>
#include <sotto/kernels/tile_norms.h>

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

namespace sotto::kernels {

inline constexpr unsigned kCudaInterface = 2;  // changes with the meaning of an entry; new entries change the size
inline constexpr unsigned kDeviceBlock = 256;  // threads of a block where nothing asks for others

struct CudaBackend {
  using Key = std::span<const std::uint32_t, 8>;
  using Groups = std::span<const WeightFormula>;
  template <class T>
  using AddNoise = void (*)(Key, DeviceNoiseCounter, std::uint64_t first, std::size_t count, double stddev, T* out,
                            Stream, unsigned block);
  template <class T>
  using AddSquaredNorms = void (*)(const T* rows, std::size_t row_count, std::size_t columns, std::size_t stride,
                                   double* out, Stream, unsigned block);
  template <class T>
  using AddWeightedSum = void (*)(const T* rows, std::size_t row_count, std::size_t columns, std::size_t stride,
                                  const T* w, void* scratch, T* y, Stream, unsigned block);
  template <class T>
  using SgdUpdater = void (*)(const DeviceTensorNoise&, std::size_t count, const T* sum, const SgdUpdate<T>&, Stream,
                              unsigned block);
  template <class T>
  using AdamUpdater = void (*)(const DeviceTensorNoise&, std::size_t count, const T* sum, const AdamUpdate<T>&, Stream,
                               unsigned block);
  template <class T>
  using GramNorms = void (*)(const OuterShape&, const T* left, const T* right, void* scratch, double* computed,
                             double* bound, Stream, unsigned block);
  template <class T>
  using TileNorms = void (*)(const OuterShape&, const T* left, const T* right, T* kept, std::size_t kept_stride,
                             void* scratch, double* computed, Stream, unsigned block);
  template <class T>
  using ConvolutionNorms = void (*)(const ConvolutionShape&, const T* image, const T* gradient, T* kept,
                                    std::size_t kept_stride, void* scratch, double* computed, Stream, unsigned block);
  template <class T>
  using EmbeddingNorms = void (*)(const EmbeddingShape&, const std::int64_t* tokens, const T* scale, const T* gradient,
                                  void* scratch, double* computed, double* bound, Stream, unsigned block);
  template <class T>
  using NormalisationRows = void (*)(const NormalisationShape&, const T* input, const T* mean,
                                     const T* reciprocal_deviation, const T* gradient, T* scale_rows, T* shift_rows,
                                     Stream, unsigned block);

  unsigned interface = kCudaInterface;
  std::size_t bytes = sizeof(CudaBackend);

  // Of the library that fills the table in (cuda_plugin.cu; for tests, the executor on the processor).
  // The number of devices, at least 1. DeviceError says why there is none: no driver, one that is too old, no device.
  int (*device_count)() = nullptr;
  // Makes the device that of this thread. DeviceError when there is no such device or it is older than 8.0.
  void (*use_device)(int index) = nullptr;
  std::string (*device_name)(int index) = nullptr;

  void* (*allocate)(std::size_t bytes) = nullptr;  // aligned to 256 bytes, not initialised; nullptr for 0 bytes
  void (*release)(void* memory) noexcept = nullptr;
  void (*copy)(void* to, const void* from, std::size_t bytes, Stream) = nullptr;  // between any two of host and device
  Stream (*make_stream)() = nullptr;
  void (*end_stream)(Stream) noexcept = nullptr;
  void (*synchronize)(Stream) = nullptr;

  // The launchers, the same in every library (cuda_launchers.h).
  AddNoise<float> add_noise_float = nullptr;
  AddNoise<double> add_noise_double = nullptr;
  AddSquaredNorms<float> add_squared_norms_float = nullptr;
  AddSquaredNorms<double> add_squared_norms_double = nullptr;
  AddWeightedSum<float> add_weighted_sum_float = nullptr;
  AddWeightedSum<double> add_weighted_sum_double = nullptr;
  SgdUpdater<float> sgd_update_float = nullptr;
  SgdUpdater<double> sgd_update_double = nullptr;
  AdamUpdater<float> adam_update_float = nullptr;
  AdamUpdater<double> adam_update_double = nullptr;
  void (*advance_step)(DeviceStep*, double beta1, double beta2, Stream) = nullptr;
  void (*record_weights)(Groups, const double* computed, const double* slack, const std::uint8_t* active,
                         std::size_t records, float* weights, Stream, unsigned block) = nullptr;
  GramNorms<float> gram_norms_float = nullptr;
  GramNorms<double> gram_norms_double = nullptr;
  TileNorms<float> tile_norms_float = nullptr;
  TileNorms<double> tile_norms_double = nullptr;
  ConvolutionNorms<float> convolution_norms_float = nullptr;
  ConvolutionNorms<double> convolution_norms_double = nullptr;
  EmbeddingNorms<float> embedding_norms_float = nullptr;
  EmbeddingNorms<double> embedding_norms_double = nullptr;
  NormalisationRows<float> normalisation_rows_float = nullptr;
  NormalisationRows<double> normalisation_rows_double = nullptr;
};

// The library's only symbol.
inline constexpr const char* kCudaBackendSymbol = "sotto_cuda_backend";
using CudaBackendFunction = const CudaBackend*();

inline constexpr const char* kCudaLibrary = "libsotto_cuda.so";

// Opens the library of this path, once for the whole process: it is never closed. Asks nothing of a driver or a device.
// DeviceError when the file is missing, is no such library or belongs to another release.
const CudaBackend& open_cuda_backend(const std::string& path);

}  // namespace sotto::kernels

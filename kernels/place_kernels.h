#pragma once
// The kernels of embedding_norms.h and normalisation_rows.h, compiled once per instruction set. Not for users, but for
// tests that compare them.

#include <sotto/kernels/embedding_norms.h>
#include <sotto/kernels/normalisation_rows.h>

#include <cstdint>
#include <span>

namespace sotto::kernels::detail {

template <class T>
struct EmbeddingKernel {
  const char* name;
  void (*norms)(const EmbeddingShape&, const std::int64_t* tokens, const T* scale, const T* gradient, void* scratch,
                double* computed, double* bound);
};

template <class T>
struct NormalisationKernel {
  const char* name;
  void (*rows)(const NormalisationShape&, const T* input, const T* mean, const T* reciprocal_deviation,
               const T* gradient, T* scale_rows, T* shift_rows);
};

// Of float and double. Best first; the last one, "baseline", runs everywhere.
template <class T>
std::span<const EmbeddingKernel<T>> supported_embedding_kernels();
template <class T>
std::span<const NormalisationKernel<T>> supported_normalisation_kernels();

}  // namespace sotto::kernels::detail

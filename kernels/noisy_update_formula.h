#pragma once
// The formulas of noisy_update.h for one element, for processor and device: the same operations in the same order.
// Compile without contraction into multiply-adds. Not for users: everything lives in an unnamed namespace, because code
// compiled for one instruction set must never be the copy that the linker keeps for all.

#include <sotto/kernels/noisy_update.h>

#if defined(__CUDACC__)
#define SOTTO_FORMULA __host__ __device__ __forceinline__
#else
#define SOTTO_FORMULA inline __attribute__((always_inline))
#endif

namespace sotto::kernels {
namespace {

SOTTO_FORMULA float root_of(float x) {
#if defined(__CUDA_ARCH__)
  return sqrtf(x);
#else
  return __builtin_sqrtf(x);
#endif
}
SOTTO_FORMULA double root_of(double x) {
#if defined(__CUDA_ARCH__)
  return sqrt(x);
#else
  return __builtin_sqrt(x);
#endif
}

// What is the same for all elements.
template <class T>
struct SgdTerms {
  T scale, rate, decay;
  T kept, added;               // v = kept v + added g
  T of_gradient, of_velocity;  // p = p - rate (of_gradient g + of_velocity v)
};

template <class T>
SOTTO_FORMULA SgdTerms<T> sgd_terms(const SgdUpdate<T>& update, double divisor, bool first_step) {
  const T momentum = static_cast<T>(update.momentum);
  return {static_cast<T>(1.0 / divisor),
          static_cast<T>(update.learning_rate),
          static_cast<T>(update.weight_decay),
          first_step ? T{0} : momentum,
          first_step ? T{1} : static_cast<T>(1.0 - update.dampening),
          update.nesterov ? T{1} : T{0},
          update.nesterov ? momentum : T{1}};
}

template <class T>
SOTTO_FORMULA void apply_sgd(const SgdTerms<T>& terms, T sum, T drawn, T& parameter) {
  const T p = parameter;
  parameter = p - terms.rate * ((sum + drawn) * terms.scale + terms.decay * p);
}

template <class T>
SOTTO_FORMULA void apply_sgd(const SgdTerms<T>& terms, T sum, T drawn, T& parameter, T& velocity) {
  const T p = parameter;
  const T g = (sum + drawn) * terms.scale + terms.decay * p;
  const T v = terms.kept * velocity + terms.added * g;
  velocity = v;
  parameter = p - terms.rate * (terms.of_gradient * g + terms.of_velocity * v);
}

template <class T>
struct AdamTerms {
  T scale, step, decay, shrink;
  T beta1, fresh1, beta2, fresh2;
  T root, epsilon;
};

// All but `step` and `root`, which change from step to step.
template <class T>
SOTTO_FORMULA AdamTerms<T> adam_terms(const AdamUpdate<T>& update, double divisor) {
  return {static_cast<T>(1.0 / divisor),
          T{0},
          static_cast<T>(update.decoupled ? 0.0 : update.weight_decay),
          static_cast<T>(update.decoupled ? 1.0 - update.learning_rate * update.weight_decay : 1.0),
          static_cast<T>(update.beta1),
          static_cast<T>(1.0 - update.beta1),
          static_cast<T>(update.beta2),
          static_cast<T>(1.0 - update.beta2),
          T{0},
          static_cast<T>(update.epsilon)};
}

template <class T>
SOTTO_FORMULA void correct(AdamTerms<T>& terms, double learning_rate, const AdamCorrection& correction) {
  terms.step = static_cast<T>(learning_rate / correction.mean);
  terms.root = static_cast<T>(1.0 / root_of(correction.square));
}

template <class T>
SOTTO_FORMULA void apply_adam(const AdamTerms<T>& terms, T sum, T drawn, T& parameter, T& mean, T& square) {
  const T p = parameter;
  const T g = (sum + drawn) * terms.scale + terms.decay * p;
  const T m = terms.beta1 * mean + terms.fresh1 * g;
  const T s = terms.beta2 * square + terms.fresh2 * g * g;
  mean = m;
  square = s;
  parameter = terms.shrink * p - terms.step * m / (root_of(s) * terms.root + terms.epsilon);
}

}  // namespace
}  // namespace sotto::kernels

#undef SOTTO_FORMULA

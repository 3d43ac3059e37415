// The body of the CPU Gaussian kernel, written with vectors of SOTTO_LANE_BYTES bytes and compiled once per instruction
// set. Not a public header: included only by gaussian_noise_{cpu,avx2,avx512}.cpp, hence no include guard.
//
// Everything here lives in an unnamed namespace and calls no inline function of another header: code compiled for
// AVX-512 must never be the copy that the linker keeps for a machine without it. Compile with -ffp-contract=off (same
// bits on every instruction set) and -fno-math-errno (square roots as instructions).

#include <sotto/kernels/chacha20.h>
#include <sotto/kernels/gaussian_noise.h>
#include <sotto/kernels/gaussian_polynomials.h>
#include <sotto/kernels/noise_kernels.h>
#include <sotto/kernels/noisy_update_formula.h>

#include <cstddef>
#include <cstdint>

namespace sotto::kernels {
namespace {

static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "words are combined in little-endian order");
#if defined(__FAST_MATH__)
#error "-ffast-math breaks the reproducibility and the tails of the noise"
#endif

constexpr int kBlocks = SOTTO_LANE_BYTES / 4;  // ChaCha blocks computed side by side
constexpr int kHalf = kBlocks / 2;             // doubles per vector
constexpr int kLanesPerBlock = 8;              // normals per block
constexpr int kGroup = kBlocks * kLanesPerBlock;

using Word = std::uint32_t __attribute__((vector_size(SOTTO_LANE_BYTES)));
using Long = std::uint64_t __attribute__((vector_size(SOTTO_LANE_BYTES)));
using Real = double __attribute__((vector_size(SOTTO_LANE_BYTES)));
using Single = float __attribute__((vector_size(SOTTO_LANE_BYTES / 2)));
template <class T>
struct VectorOf;
template <>
struct VectorOf<float> {
  using Type = float __attribute__((vector_size(SOTTO_LANE_BYTES)));
};
template <>
struct VectorOf<double> {
  using Type = Real;
};

#define SOTTO_INLINE inline __attribute__((always_inline))

template <int... kIndex>
struct Indices {};
template <int kCount, int... kIndex>
struct CountTo : CountTo<kCount - 1, kCount - 1, kIndex...> {};
template <int... kIndex>
struct CountTo<0, kIndex...> {
  using Type = Indices<kIndex...>;
};

// a0 b0 a1 b1 ... of the lower (kUpper = 0) or upper halves of two vectors of n elements.
template <int n, int kUpper, class V, int... i>
SOTTO_INLINE V zip(V a, V b, Indices<i...>) {
  return __builtin_shufflevector(a, b, (i / 2 + kUpper * (n / 2) + (i % 2) * n)...);
}
template <int kUpper, class V>
SOTTO_INLINE V zip(V a, V b) {
  constexpr int kCount = sizeof(V) / sizeof(a[0]);
  return zip<kCount, kUpper>(a, b, typename CountTo<kCount>::Type{});
}
template <class To, class From>
SOTTO_INLINE To bits_of(From x) {
  static_assert(sizeof(To) == sizeof(From));
  return (To)x;
}
SOTTO_INLINE Real splat(double x) {
  return x - Real{};
}

// A whole group as a constant, so that its loops have a known length.
struct Whole {
  constexpr operator std::size_t() const { return kGroup; }
};

struct Blocks {
  Word word[kChaChaWords];
};

#define SOTTO_ROTATE(x, n) (((x) << (n)) | ((x) >> (32 - (n))))
SOTTO_INLINE void quarter_round(Word& a, Word& b, Word& c, Word& d) {
  a += b, d ^= a, d = SOTTO_ROTATE(d, 16);
  c += d, b ^= c, b = SOTTO_ROTATE(b, 12);
  a += b, d ^= a, d = SOTTO_ROTATE(d, 8);
  c += d, b ^= c, b = SOTTO_ROTATE(b, 7);
}
#undef SOTTO_ROTATE

SOTTO_INLINE Blocks chacha_blocks(const std::uint32_t* key, NoiseCounter counter, std::uint64_t first_block) {
  Word low;
  for (int i = 0; i < kBlocks; ++i) low[i] = static_cast<std::uint32_t>(i);
  const auto base = static_cast<std::uint32_t>(first_block);
  low += base;
  // A lane whose low half wrapped compares below `base`; the comparison gives -1 there.
  const Word high = static_cast<std::uint32_t>(first_block >> 32) - (Word)(low < (Word{} + base));
  const std::uint32_t scalar[12] = {kChaChaConstant0, kChaChaConstant1, kChaChaConstant2, kChaChaConstant3,
                                    key[0],           key[1],           key[2],           key[3],
                                    key[4],           key[5],           key[6],           key[7]};
  Blocks x;
  for (int i = 0; i < 12; ++i) x.word[i] = Word{} + scalar[i];
  x.word[12] = low;
  x.word[13] = high;
  x.word[14] = Word{} + counter.tensor;
  x.word[15] = Word{} + counter.step;
  Word* w = x.word;
  for (int round = 0; round < kChaChaDoubleRounds; ++round) {
    quarter_round(w[0], w[4], w[8], w[12]);
    quarter_round(w[1], w[5], w[9], w[13]);
    quarter_round(w[2], w[6], w[10], w[14]);
    quarter_round(w[3], w[7], w[11], w[15]);
    quarter_round(w[0], w[5], w[10], w[15]);
    quarter_round(w[1], w[6], w[11], w[12]);
    quarter_round(w[2], w[7], w[8], w[13]);
    quarter_round(w[3], w[4], w[9], w[14]);
  }
  for (int i = 0; i < 12; ++i) w[i] += scalar[i];
  w[12] += low;
  w[13] += high;
  w[14] += counter.tensor;
  w[15] += counter.step;
  return x;
}

// Correctly rounded conversion of unsigned 64-bit integers.
SOTTO_INLINE Real to_double(Long x) {
#if defined(__AVX512DQ__)
  return __builtin_convertvector(x, Real);
#else
  // 2^84 + high * 2^32 and 2^52 + low have the halves of x as their low mantissa bits; only the last addition rounds.
  const Real high = bits_of<Real>((x >> 32) | 0x4530000000000000u);
  const Real low = bits_of<Real>((x & 0xffffffffu) | 0x4330000000000000u);
  return (high - 0x1.00000001p84) + low;
#endif
}

// -2 ln(d / 2^64) for d in [2^-11, 2^64], >= 0 (or -0). Relative error <= 5 * 2^-53.
// d = 2^e m with m in [sqrt(1/2), sqrt(2)), ln m = 2 atanh(t), t = (m - 1) / (m + 1): m < 1 whenever d is just below a
// power of two, so nothing cancels near u = 1. Polynomial: Chebyshev fit of (2 atanh t - 2 t) / t^3 in t^2, error 4e-16
// absolute, hence below 1e-17 relative to ln m.
SOTTO_INLINE Real minus_two_log(Real d) {
  constexpr std::uint64_t kSqrtHalf = 0x3fe6a09e667f3bcdu;
  constexpr std::uint64_t kOne = 0x3ff0000000000000u;
  constexpr std::uint64_t kMantissa = 0x000fffffffffffffu;
  const Long shifted = bits_of<Long>(d) + (kOne - kSqrtHalf);
  // 2^52 + biased exponent, less its biases: 1023 of the format and 64 of the scale of d.
  const Real exponent = bits_of<Real>((shifted >> 52) | 0x4330000000000000u) - (0x1p52 + 1023.0 + 64.0);
  const Real m = bits_of<Real>((shifted & kMantissa) + kSqrtHalf);
  const Real t = (m - 1.0) / (m + 1.0);
  const Real z = t * t;
#define SOTTO_FIRST(coefficient) Real p = splat(coefficient);
#define SOTTO_TERM(coefficient) p = p * z + (coefficient);
  SOTTO_LOG_POLYNOMIAL
#undef SOTTO_FIRST
#undef SOTTO_TERM
  const Real log_m = (t + t) + t * (z * p);
  const Real log_u = exponent * 0x1.62e42fefa39efp-1 + log_m;
  return log_u * -2.0;
}

// sin and cos of (pi/2) x for |x| <= 1/2. Chebyshev fits in x^2, errors 5e-18 and 2e-19; with rounding each is within
// 2 ulp.
SOTTO_INLINE Real sin_quarter(Real x, Real y) {
#define SOTTO_FIRST(coefficient) Real p = splat(coefficient);
#define SOTTO_TERM(coefficient) p = p * y + (coefficient);
  SOTTO_SINE_POLYNOMIAL
#undef SOTTO_FIRST
#undef SOTTO_TERM
  return x * p;
}
SOTTO_INLINE Real cos_quarter(Real y) {
#define SOTTO_FIRST(coefficient) Real p = splat(coefficient);
#define SOTTO_TERM(coefficient) p = p * y + (coefficient);
  SOTTO_COSINE_POLYNOMIAL
#undef SOTTO_FIRST
#undef SOTTO_TERM
  return p;
}

SOTTO_INLINE Real square_root(Real x) {
  Real root;
  for (int i = 0; i < kHalf; ++i) root[i] = __builtin_sqrt(x[i]);
  return root;
}

// One pair of normals per block, for kHalf blocks: the transform of the header, times stddev.
SOTTO_INLINE void normal_pair(Long x, Long y, double stddev, Real& first, Real& second) {
  const Real extension = bits_of<Real>(((y & 0x1ffcu) << 39) | 0x3ff0000000000000u) - (1.0 - 0x1p-11);
  const Real radius = square_root(minus_two_log(to_double(x) + extension)) * stddev;
  const Real a = bits_of<Real>((y >> 12) | 0x3ff0000000000001u) - 1.5;
  const Real a_squared = a * a;
  const Long sine = bits_of<Long>(sin_quarter(a, a_squared) * radius);
  const Long cosine = bits_of<Long>(cos_quarter(a_squared) * radius) ^ ((y & 2u) << 62);
  const Long change = (sine ^ cosine) & -(y & 1u);
  first = bits_of<Real>(cosine ^ change);
  second = bits_of<Real>(sine ^ change);
}

// Transposes 8 vectors, vector l holding lane l of every block, to the order of the elements: three perfect shuffles
// move the lane number from the front of the index to its end.
template <class V>
SOTTO_INLINE void to_element_order(V* v) {
  for (int round = 0; round < 3; ++round) {
    V w[kLanesPerBlock];
    for (std::size_t i = 0; i < 4; ++i) {
      w[2 * i] = zip<0>(v[i], v[i + 4]);
      w[2 * i + 1] = zip<1>(v[i], v[i + 4]);
    }
    for (std::size_t i = 0; i < kLanesPerBlock; ++i) v[i] = w[i];
  }
}

template <class V, class T>
SOTTO_INLINE void store(T* out, const V& v) {
  __builtin_memcpy(out, &v, sizeof(V));
}

template <int... i>
SOTTO_INLINE VectorOf<float>::Type join(Single low, Single high, Indices<i...>) {
  return __builtin_shufflevector(low, high, i...);
}

// The kGroup normals of kBlocks blocks, times stddev.
SOTTO_INLINE void draw_group(const Blocks& blocks, double stddev, float* out) {
  VectorOf<float>::Type lane[kLanesPerBlock];
  for (std::size_t pair = 0; pair < 4; ++pair) {
    const Word* w = blocks.word + 4 * pair;
    Real first[2], second[2];
    normal_pair(bits_of<Long>(zip<0>(w[0], w[1])), bits_of<Long>(zip<0>(w[2], w[3])), stddev, first[0], second[0]);
    normal_pair(bits_of<Long>(zip<1>(w[0], w[1])), bits_of<Long>(zip<1>(w[2], w[3])), stddev, first[1], second[1]);
    using All = CountTo<kBlocks>::Type;
    lane[2 * pair] = join(__builtin_convertvector(first[0], Single), __builtin_convertvector(first[1], Single), All{});
    lane[2 * pair + 1] =
        join(__builtin_convertvector(second[0], Single), __builtin_convertvector(second[1], Single), All{});
  }
  to_element_order(lane);
  for (std::size_t i = 0; i < kLanesPerBlock; ++i) store(out + i * kBlocks, lane[i]);
}

SOTTO_INLINE void draw_group(const Blocks& blocks, double stddev, double* out) {
  Real low[kLanesPerBlock], high[kLanesPerBlock];
  for (std::size_t pair = 0; pair < 4; ++pair) {
    const Word* w = blocks.word + 4 * pair;
    normal_pair(bits_of<Long>(zip<0>(w[0], w[1])), bits_of<Long>(zip<0>(w[2], w[3])), stddev, low[2 * pair],
                low[2 * pair + 1]);
    normal_pair(bits_of<Long>(zip<1>(w[0], w[1])), bits_of<Long>(zip<1>(w[2], w[3])), stddev, high[2 * pair],
                high[2 * pair + 1]);
  }
  to_element_order(low);
  to_element_order(high);
  for (std::size_t i = 0; i < kLanesPerBlock; ++i) store(out + i * kHalf, low[i]);
  for (std::size_t i = 0; i < kLanesPerBlock; ++i) store(out + kGroup / 2 + i * kHalf, high[i]);
}

// Calls apply(at, noise, n) for pieces of at most kGroup elements: drawn[k] belongs to element first + at + k.
template <class T, class Apply>
SOTTO_INLINE void for_noise(const std::uint32_t* key, NoiseCounter counter, std::uint64_t first, std::size_t count,
                            double stddev, const Apply& apply) {
  std::uint64_t block = first / kLanesPerBlock;
  std::size_t skip = first % kLanesPerBlock;
  alignas(SOTTO_LANE_BYTES) T noise[kGroup];
  for (std::size_t at = 0; at < count;) {
    draw_group(chacha_blocks(key, counter, block), stddev, noise);
    const std::size_t available = kGroup - skip;
    if (skip == 0 && count - at >= kGroup) {
      apply(at, noise, Whole{});
      at += kGroup;
    } else {
      const std::size_t used = count - at < available ? count - at : available;
      apply(at, noise + skip, used);
      at += used;
    }
    block += kBlocks;
    skip = 0;
  }
}

template <class T>
void add_noise(const std::uint32_t* key, NoiseCounter counter, std::uint64_t first, std::size_t count, double stddev,
               T* out) {
  for_noise<T>(key, counter, first, count, stddev, [out](std::size_t at, const T* drawn, auto n) {
    for (std::size_t k = 0; k < n; ++k) out[at + k] += drawn[k];
  });
}

template <class T>
void update_with_sgd(const TensorNoise& noise, std::size_t count, const T* sum, const SgdUpdate<T>& update) {
  const SgdTerms<T> terms = sgd_terms(update, noise.divisor, update.first_step);
  const bool first_step = update.first_step;
  T* __restrict parameter = update.parameter;
  T* __restrict velocity = update.velocity;
  if (velocity == nullptr) {
    for_noise<T>(noise.key, noise.counter, noise.first, count, noise.stddev,
                 [=](std::size_t at, const T* drawn, auto n) {
                   for (std::size_t k = 0; k < n; ++k) apply_sgd(terms, sum[at + k], drawn[k], parameter[at + k]);
                 });
    return;
  }
  for_noise<T>(noise.key, noise.counter, noise.first, count, noise.stddev, [=](std::size_t at, const T* drawn, auto n) {
    if (first_step)
      for (std::size_t k = 0; k < n; ++k) velocity[at + k] = 0;  // what stands there may not be finite
    for (std::size_t k = 0; k < n; ++k) apply_sgd(terms, sum[at + k], drawn[k], parameter[at + k], velocity[at + k]);
  });
}

template <class T>
void update_with_adam(const TensorNoise& noise, std::size_t count, const T* sum, const AdamUpdate<T>& update,
                      const AdamCorrection& correction) {
  AdamTerms<T> terms = adam_terms(update, noise.divisor);
  correct(terms, update.learning_rate, correction);
  T* __restrict parameter = update.parameter;
  T* __restrict mean = update.mean;
  T* __restrict square = update.square;
  for_noise<T>(noise.key, noise.counter, noise.first, count, noise.stddev, [=](std::size_t at, const T* drawn, auto n) {
    for (std::size_t k = 0; k < n; ++k)
      apply_adam(terms, sum[at + k], drawn[k], parameter[at + k], mean[at + k], square[at + k]);
  });
}

// A constant: no code of this file runs before the instruction set is known.
[[maybe_unused]] consteval detail::NoiseKernels noise_kernels(const char* name) {
  return {name,
          add_noise<float>,
          add_noise<double>,
          update_with_sgd<float>,
          update_with_sgd<double>,
          update_with_adam<float>,
          update_with_adam<double>};
}

}  // namespace
}  // namespace sotto::kernels

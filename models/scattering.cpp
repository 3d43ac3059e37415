#include <ATen/TensorOperators.h>
#include <ATen/ops/abs.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/complex.h>
#include <ATen/ops/cos.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/exp.h>
#include <ATen/ops/fft_fft2.h>
#include <ATen/ops/fft_ifft2.h>
#include <ATen/ops/real.h>
#include <ATen/ops/reflection_pad2d.h>
#include <ATen/ops/sin.h>
#include <ATen/ops/stack.h>
#include <fmt/format.h>
#include <sotto/models/scattering.h>
#include <sotto/privacy/error.h>

#include <algorithm>
#include <cmath>
#include <numbers>

namespace sotto::models {
namespace {

constexpr double kEnvelope = 0.8;
constexpr double kFrequency = 0.75 * std::numbers::pi;
constexpr int64_t kLargestSide = 4096, kMostScales = 6, kMostAngles = 32;
constexpr int64_t kCopies = 2;               // of the period on either side, when a filter is made periodic
constexpr int64_t kChunkElements = 1 << 22;  // complex numbers of the largest intermediate result

struct Gabor {
  double sigma, slant, frequency, angle;
};

// One period [height, width] of the Gabor function, complex.
at::Tensor periodic_gabor(int64_t height, int64_t width, const Gabor& g) {
  const auto line = [](int64_t size) { return at::arange(-kCopies * size, (kCopies + 1) * size, at::kDouble); };
  const at::Tensor u = line(height).unsqueeze(1), v = line(width).unsqueeze(0);
  const at::Tensor along = u * std::cos(g.angle) + v * std::sin(g.angle);
  const at::Tensor across = v * std::cos(g.angle) - u * std::sin(g.angle);
  const at::Tensor envelope =
      at::exp((along.square() + across.square() * (g.slant * g.slant)) / (-2 * g.sigma * g.sigma)) *
      (g.slant / (2 * std::numbers::pi * g.sigma * g.sigma));
  const at::Tensor phase = along * g.frequency;
  constexpr int64_t periods = 2 * kCopies + 1;
  return at::complex(envelope * at::cos(phase), envelope * at::sin(phase))
      .reshape({periods, height, periods, width})
      .sum({0, 2});
}

// The Fourier transform of a filter that is Hermitian, hence real.
at::Tensor spectrum_of(const at::Tensor& filter) {
  return at::real(at::fft_fft2(filter)).contiguous();
}

at::Tensor morlet(int64_t height, int64_t width, Gabor g) {
  const at::Tensor wave = periodic_gabor(height, width, g);
  g.frequency = 0;
  const at::Tensor envelope = periodic_gabor(height, width, g);
  return spectrum_of(wave - envelope * (wave.sum() / envelope.sum()));
}

// The lowest frequencies of one dimension: what remains when every 2^resolution-th sample is kept.
at::Tensor lowest(const at::Tensor& spectrum, int64_t resolution, int64_t dimension) {
  const int64_t size = spectrum.size(dimension), half = size >> (resolution + 1);
  return at::cat({spectrum.slice(dimension, 0, half), spectrum.slice(dimension, size - half, size)}, dimension);
}

at::Tensor at_resolution(const at::Tensor& spectrum, int64_t resolution) {
  if (resolution == 0) return spectrum;
  return lowest(lowest(spectrum, resolution, -2), resolution, -1);
}

// Spectrum of the signal's every `step`-th sample.
at::Tensor subsampled(const at::Tensor& spectrum, int64_t step) {
  if (step == 1) return spectrum;
  std::vector<int64_t> sizes = spectrum.sizes().vec();
  const int64_t width = sizes.back(), height = sizes[sizes.size() - 2];
  sizes.resize(sizes.size() - 2);
  sizes.insert(sizes.end(), {step, height / step, step, width / step});
  return spectrum.reshape(sizes).mean({-4, -2});
}

// The modulus of a wavelet transform, as a spectrum again.
at::Tensor modulus(const at::Tensor& spectrum) {
  return at::fft_fft2(at::abs(at::fft_ifft2(spectrum)));
}

int64_t padded(int64_t size, int64_t scales) {
  const int64_t unit = int64_t{1} << scales;
  return (size / unit + 2) * unit;
}

void check_range(const char* what, int64_t value, int64_t least, int64_t most) {
  if (value < least || value > most)
    throw UsageError(fmt::format("[Scattering] {} out of range: {}; {} to {} are allowed", what, value, least, most));
}

}  // namespace

Scattering::Scattering(const ScatteringOptions& options) : options_(options) {
  check_range("scales", options.scales, 1, kMostScales);
  check_range("angles", options.angles, 1, kMostAngles);
  // Below two features of width, reflection would need more pixels than there are.
  const int64_t least = (int64_t{1} << options.scales) + 1;
  check_range("height", options.height, least, kLargestSide);
  check_range("width", options.width, least, kLargestSide);
  padded_height_ = padded(options.height, options.scales);
  padded_width_ = padded(options.width, options.scales);
  const auto angles = static_cast<double>(options.angles);
  for (int64_t scale = 0; scale < options.scales; ++scale) {
    std::vector<at::Tensor> turned;
    for (int64_t t = 0; t < options.angles; ++t) {
      const auto turn = static_cast<double>((options.angles - 1) / 2 - t);
      turned.push_back(morlet(padded_height_, padded_width_,
                              {.sigma = std::ldexp(kEnvelope, static_cast<int>(scale)),
                               .slant = 4 / angles,
                               .frequency = std::ldexp(kFrequency, static_cast<int>(-scale)),
                               .angle = turn * std::numbers::pi / angles}));
    }
    psi_.push_back(at::stack(turned));
  }
  phi_ = spectrum_of(periodic_gabor(
      padded_height_, padded_width_,
      {.sigma = std::ldexp(kEnvelope, static_cast<int>(options.scales - 1)), .slant = 1, .frequency = 0, .angle = 0}));
}

int64_t Scattering::channels() const {
  const int64_t scales = options_.scales, angles = options_.angles;
  return 1 + scales * angles + angles * angles * scales * (scales - 1) / 2;
}

at::Tensor Scattering::wavelets(int64_t scale, int64_t resolution, at::ScalarType type) const {
  return at_resolution(psi_[static_cast<size_t>(scale)], resolution).to(type);
}

at::Tensor Scattering::averaged(const at::Tensor& spectrum, int64_t resolution) const {
  const at::Tensor phi = at_resolution(phi_, resolution).to(c10::toRealValueType(spectrum.scalar_type()));
  const at::Tensor low = subsampled(spectrum * phi, int64_t{1} << (options_.scales - resolution));
  const at::Tensor features = at::real(at::fft_ifft2(low));
  return features.slice(-2, 1, -1).slice(-1, 1, -1);
}

at::Tensor Scattering::transform_some(const at::Tensor& pictures) const {
  const at::ScalarType type = pictures.scalar_type();
  const int64_t top = padded_height_ - options_.height, left = padded_width_ - options_.width;
  const at::Tensor whole = at::fft_fft2(
      at::reflection_pad2d(pictures.unsqueeze(1), {left / 2, (left + 1) / 2, top / 2, (top + 1) / 2}));  // [B, 1, M, N]
  std::vector<at::Tensor> first = {averaged(whole, 0)}, second;
  for (int64_t j = 0; j < options_.scales; ++j) {
    const at::Tensor once = modulus(subsampled(whole * wavelets(j, 0, type), int64_t{1} << j));  // [B, L, M_j, N_j]
    first.push_back(averaged(once, j));
    std::vector<at::Tensor> of_scale;
    for (int64_t k = j + 1; k < options_.scales; ++k) {
      const at::Tensor twice =
          modulus(subsampled(once.unsqueeze(2) * wavelets(k, j, type), int64_t{1} << (k - j)));  // [B, L, L, M_k, N_k]
      of_scale.push_back(averaged(twice, k));
    }
    if (!of_scale.empty()) second.push_back(at::cat(of_scale, 2).flatten(1, 2));
  }
  first.insert(first.end(), second.begin(), second.end());
  return at::cat(first, 1);
}

at::Tensor Scattering::transform(const at::Tensor& pictures) const {
  if (pictures.dim() != 3 || pictures.size(1) != options_.height || pictures.size(2) != options_.width ||
      (pictures.scalar_type() != at::kFloat && pictures.scalar_type() != at::kDouble))
    throw UsageError(
        fmt::format("[Scattering::transform] {} dimensions of type {}; needed are [batch, {}, {}] of type "
                    "Float or Double",
                    pictures.dim(), c10::toString(pictures.scalar_type()), options_.height, options_.width));
  const int64_t per_picture =
      padded_height_ * padded_width_ * options_.angles * (options_.scales > 1 ? options_.angles : 1);
  const int64_t chunk = std::max<int64_t>(1, kChunkElements / per_picture);
  at::Tensor result = at::empty({pictures.size(0), channels(), out_height(), out_width()}, pictures.options());
  for (int64_t begin = 0; begin < pictures.size(0); begin += chunk) {
    const int64_t end = std::min(begin + chunk, pictures.size(0));
    result.slice(0, begin, end).copy_(transform_some(pictures.slice(0, begin, end)));
  }
  return result;
}

}  // namespace sotto::models

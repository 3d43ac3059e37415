#include <ATen/Parallel.h>
#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/abs.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/complex.h>
#include <ATen/ops/cos.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/exp.h>
#include <ATen/ops/fft_fft2.h>
#include <ATen/ops/fft_ifft.h>
#include <ATen/ops/fft_ifft2.h>
#include <ATen/ops/matmul.h>
#include <ATen/ops/real.h>
#include <ATen/ops/reflection_pad2d.h>
#include <ATen/ops/remainder.h>
#include <ATen/ops/sin.h>
#include <ATen/ops/sqrt.h>
#include <ATen/ops/stack.h>
#include <fmt/format.h>
#include <sotto/models/scattering.h>
#include <sotto/models/subsampled_product.h>
#include <sotto/privacy/error.h>

#include <algorithm>
#include <cmath>
#include <numbers>

namespace sotto::models {
namespace {

constexpr double kEnvelope = 0.8;
constexpr double kFrequency = 0.75 * std::numbers::pi;
constexpr int64_t kLargestSide = 4096, kMostScales = 6, kMostAngles = 32;
constexpr int64_t kCopies = 2;  // of the period on either side, when a filter is made periodic
constexpr int64_t kChunkElements =
    1 << 17;  // complex numbers of the largest intermediate result: stays in a core's cache

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
  if (resolution == 0) return spectrum;
  const int64_t size = spectrum.size(dimension), half = size >> (resolution + 1);
  return at::cat({spectrum.slice(dimension, 0, half), spectrum.slice(dimension, size - half, size)}, dimension);
}

at::Tensor at_resolution(const at::Tensor& spectrum, int64_t resolution) {
  return lowest(lowest(spectrum, resolution, -2), resolution, -1);
}

at::Tensor spectra(const at::Tensor& signals) {
  return at::fft_fft2(signals.to(c10::toComplexType(signals.scalar_type())));
}

// [outputs, size]: convolves with a filter that has the real and even spectrum `of_filter` [size], keeps every
// `step`-th sample, and cuts one off at either end.
at::Tensor averaging(const at::Tensor& of_filter, int64_t step) {
  const at::Tensor filter = at::real(at::fft_ifft(of_filter));
  const int64_t size = of_filter.size(0);
  const at::Tensor kept = at::arange(1, size / step - 1, at::kLong).unsqueeze(1) * step;
  return filter.index({at::remainder(kept - at::arange(size, at::kLong), size)});
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
  // The low pass is a product of one function of each coordinate.
  const at::Tensor phi = spectrum_of(periodic_gabor(
      padded_height_, padded_width_,
      {.sigma = std::ldexp(kEnvelope, static_cast<int>(options.scales - 1)), .slant = 1, .frequency = 0, .angle = 0}));
  const at::Tensor rows = phi.select(1, 0) / at::sqrt(phi[0][0]), columns = phi.select(0, 0) / at::sqrt(phi[0][0]);
  for (int64_t resolution = 0; resolution < options.scales; ++resolution) {
    const int64_t step = int64_t{1} << (options.scales - resolution);
    averages_.emplace_back(averaging(lowest(rows, resolution, 0), step),
                           averaging(lowest(columns, resolution, 0), step));
  }
}

int64_t Scattering::channels() const {
  const int64_t scales = options_.scales, angles = options_.angles;
  return 1 + scales * angles + angles * angles * scales * (scales - 1) / 2;
}

at::Tensor Scattering::averaged(const at::Tensor& signals, int64_t resolution) const {
  const auto& [rows, columns] = averages_[static_cast<size_t>(resolution)];
  const at::ScalarType type = signals.scalar_type();
  return at::matmul(rows.to(type), at::matmul(signals, columns.to(type).t()));
}

at::Tensor Scattering::moduli(const at::Tensor& spectra, int64_t scale, int64_t resolution) const {
  const at::Tensor filters =
      at_resolution(psi_[static_cast<size_t>(scale)], resolution).to(c10::toRealValueType(spectra.scalar_type()));
  return at::abs(at::fft_ifft2(subsampled_product(spectra, filters, int64_t{1} << (scale - resolution))));
}

at::Tensor Scattering::transform_some(const at::Tensor& pictures) const {
  const int64_t batch = pictures.size(0);
  const int64_t top = padded_height_ - options_.height, left = padded_width_ - options_.width;
  const at::Tensor padded_pictures =
      at::reflection_pad2d(pictures.unsqueeze(1), {left / 2, (left + 1) / 2, top / 2, (top + 1) / 2});
  const at::Tensor whole = spectra(padded_pictures).squeeze(1);  // [B, M, N]
  std::vector<at::Tensor> first = {averaged(padded_pictures, 0)}, second;
  for (int64_t j = 0; j < options_.scales; ++j) {
    const at::Tensor once = moduli(whole, j, 0);  // [B, L, M_j, N_j]
    first.push_back(averaged(once, j));
    if (j + 1 == options_.scales) break;
    const at::Tensor again = spectra(once).flatten(0, 1);  // [B L, M_j, N_j]
    std::vector<at::Tensor> of_scale;
    for (int64_t k = j + 1; k < options_.scales; ++k) {
      const at::Tensor features = averaged(moduli(again, k, j), k);  // [B L, L, ...]
      of_scale.push_back(features.unflatten(0, {batch, options_.angles}));
    }
    second.push_back(at::cat(of_scale, 2).flatten(1, 2));
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
  const int64_t chunks = (pictures.size(0) + chunk - 1) / chunk;
  at::Tensor result = at::empty({pictures.size(0), channels(), out_height(), out_width()}, pictures.options());
  at::parallel_for(0, chunks, 1, [&](int64_t first, int64_t last) {
    const at::NoGradGuard no_grad;
    for (int64_t begin = first * chunk; begin < std::min(last * chunk, pictures.size(0)); begin += chunk) {
      const int64_t end = std::min(begin + chunk, pictures.size(0));
      result.slice(0, begin, end).copy_(transform_some(pictures.slice(0, begin, end)));
    }
  });
  return result;
}

}  // namespace sotto::models

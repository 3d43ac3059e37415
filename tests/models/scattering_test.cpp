#include <ATen/TensorOperators.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/rand.h>
#include <ATen/ops/zeros.h>
#include <gtest/gtest.h>
#include <sotto/models/scattering.h>
#include <sotto/privacy/error.h>

#include <cmath>
#include <complex>
#include <numbers>
#include <vector>

namespace sotto::models {
namespace {

using Complex = std::complex<double>;
using Plane = std::vector<Complex>;

at::Tensor formula_picture(int64_t size, at::ScalarType type) {
  const at::Tensor i = at::arange(size).unsqueeze(1), j = at::arange(size).unsqueeze(0);
  const at::Tensor integers = (i * i * 7 + i * j * 13 + j * j * 5 + i * 3 + j * 11).remainder(256);
  return (integers.to(at::kDouble) / 255).to(type).unsqueeze(0);
}

// kymatio 0.3.0 with numpy 1.26.4 and scipy 1.11.4:
//   S = kymatio.numpy.Scattering2D(J=2, shape=(28, 28), L=8)(x), x[i, j] = ((7ii + 13ij + 5jj + 3i + 11j) % 256) / 255
//   for c in (...): print(["%.8g" % S[c, a, b] for a, b in ((0, 0), (3, 3), (6, 2))])
// It writes 3.1415 for pi, once in every filter: hence the tolerance.
TEST(ScatteringTest, EqualsKymatio) {
  struct Row {
    int64_t channel;
    double values[3];
  };
  const std::vector<Row> rows = {
      {0, {0.23902884, 0.47192526, 0.51610333}},        {1, {0.035044741, 0.033051681, 0.077110104}},
      {5, {0.033212762, 0.051550057, 0.04910991}},      {8, {0.037950072, 0.04188424, 0.057836749}},
      {9, {0.040934809, 0.024765773, 0.023887562}},     {13, {0.045601137, 0.021679286, 0.028881369}},
      {17, {0.0076352484, 0.0052271872, 0.0095403008}}, {18, {0.0059940284, 0.0048159948, 0.015006476}},
      {25, {0.014842695, 0.0043017035, 0.0043347315}},  {40, {0.0032347585, 0.0042414656, 0.00216963}},
      {80, {0.0071096634, 0.0074837711, 0.0054493695}}};
  for (const auto type : {at::kFloat, at::kDouble}) {
    const at::Tensor features = Scattering({}).transform(formula_picture(28, type));
    ASSERT_EQ(features.sizes(), at::IntArrayRef({1, 81, 7, 7}));
    for (const Row& row : rows) {
      const int64_t at_pixel[3][2] = {{0, 0}, {3, 3}, {6, 2}};
      for (int k = 0; k < 3; ++k) {
        const double value = features[0][row.channel][at_pixel[k][0]][at_pixel[k][1]].item<double>();
        EXPECT_NEAR(value, row.values[k], 2e-4 * row.values[k]) << row.channel << ' ' << k;
      }
    }
  }
}

// The definition written out: filters in space, circular convolution by its sum, moduli at full resolution.
class Direct {
 public:
  explicit Direct(int64_t size) : n_(size) {}

  Plane gabor(double sigma, double slant, double frequency, double angle) const {
    Plane result(static_cast<size_t>(n_ * n_));
    for (int64_t i = -3 * n_; i < 4 * n_; ++i) {
      for (int64_t j = -3 * n_; j < 4 * n_; ++j) {
        const auto x = static_cast<double>(i), y = static_cast<double>(j);
        const double u = x * std::cos(angle) + y * std::sin(angle), v = y * std::cos(angle) - x * std::sin(angle);
        const double envelope = slant / (2 * std::numbers::pi * sigma * sigma) *
                                std::exp(-(u * u + slant * slant * v * v) / (2 * sigma * sigma));
        result[place(i, j)] += envelope * std::polar(1.0, frequency * u);
      }
    }
    return result;
  }

  Plane morlet(double sigma, double slant, double frequency, double angle) const {
    Plane wave = gabor(sigma, slant, frequency, angle);
    const Plane envelope = gabor(sigma, slant, 0, angle);
    Complex of_wave = 0, of_envelope = 0;
    for (const Complex& x : wave) of_wave += x;
    for (const Complex& x : envelope) of_envelope += x;
    for (size_t k = 0; k < wave.size(); ++k) wave[k] -= of_wave / of_envelope * envelope[k];
    return wave;
  }

  Plane convolved(const Plane& x, const Plane& filter) const {
    Plane result(x.size());
    for (int64_t i = 0; i < n_; ++i)
      for (int64_t j = 0; j < n_; ++j)
        for (int64_t k = 0; k < n_; ++k)
          for (int64_t l = 0; l < n_; ++l) result[place(i, j)] += x[place(k, l)] * filter[place(i - k, j - l)];
    return result;
  }

  size_t place(int64_t i, int64_t j) const {
    return static_cast<size_t>(((i % n_ + n_) % n_) * n_ + (j % n_ + n_) % n_);
  }

 private:
  int64_t n_;
};

// At the finest scale nothing is subsampled before the low pass, so that the definition holds to rounding.
TEST(ScatteringTest, EqualsDirectConvolution) {
  const int64_t size = 8, padded = 12, border = 2, angles = 4;
  const at::Tensor picture = at::rand({1, size, size}, at::kDouble);
  const at::Tensor features =
      Scattering({.height = size, .width = size, .scales = 1, .angles = angles}).transform(picture);
  ASSERT_EQ(features.sizes(), at::IntArrayRef({1, 1 + angles, 4, 4}));
  const Direct direct(padded);
  Plane x(static_cast<size_t>(padded * padded));
  const auto reflected = [&](int64_t i) {
    i = std::abs(i - border);
    return i < size ? i : 2 * (size - 1) - i;
  };
  for (int64_t i = 0; i < padded; ++i)
    for (int64_t j = 0; j < padded; ++j) x[direct.place(i, j)] = picture[0][reflected(i)][reflected(j)].item<double>();
  const Plane low = direct.gabor(0.8, 1, 0, 0);
  for (int64_t channel = 0; channel <= angles; ++channel) {
    Plane u = x;
    if (channel > 0) {
      // angles / 2 - 1 - t for t = channel - 1
      const double angle = static_cast<double>(1 - (channel - 1)) * std::numbers::pi / 4;
      u = direct.convolved(x, direct.morlet(0.8, 1, 0.75 * std::numbers::pi, angle));
      for (Complex& value : u) value = std::abs(value);
    }
    const Plane averaged = direct.convolved(u, low);
    for (int64_t i = 0; i < 4; ++i)
      for (int64_t j = 0; j < 4; ++j)
        EXPECT_NEAR(features[0][channel][i][j].item<double>(), averaged[direct.place(2 * i + 2, 2 * j + 2)].real(),
                    1e-12)
            << channel << ' ' << i << ' ' << j;
  }
}

TEST(ScatteringTest, EachPictureIsTransformedAlone) {
  const Scattering scattering({.height = 12, .width = 20, .scales = 2, .angles = 6});
  const at::Tensor pictures = at::rand({5, 12, 20}, at::kDouble);
  const at::Tensor together = scattering.transform(pictures);
  EXPECT_EQ(together.sizes(),
            at::IntArrayRef({5, scattering.channels(), scattering.out_height(), scattering.out_width()}));
  for (int64_t i = 0; i < 5; ++i)
    EXPECT_LT((together[i] - scattering.transform(pictures.slice(0, i, i + 1))[0]).abs().max().item<double>(), 1e-13);
}

TEST(ScatteringTest, BadSizesAreRefused) {
  EXPECT_THROW(Scattering({.scales = 0}), UsageError);
  EXPECT_THROW(Scattering({.scales = 7}), UsageError);
  EXPECT_THROW(Scattering({.angles = 0}), UsageError);
  EXPECT_THROW(Scattering({.height = 4}), UsageError);
  EXPECT_THROW(Scattering({.width = 5000}), UsageError);
  EXPECT_THROW(Scattering({}).transform(at::zeros({2, 28, 27})), UsageError);
  EXPECT_THROW(Scattering({}).transform(at::zeros({2, 28, 28}, at::kByte)), UsageError);
  EXPECT_THROW(Scattering({}).transform(at::zeros({28, 28})), UsageError);
}

}  // namespace
}  // namespace sotto::models

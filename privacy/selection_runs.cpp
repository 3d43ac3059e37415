#include <fmt/format.h>
#include <sotto/privacy/error.h>
#include <sotto/privacy/selection_runs.h>

#include <boost/multiprecision/cpp_bin_float.hpp>
#include <cmath>

namespace sotto::privacy {
namespace {

using Wide =
    boost::multiprecision::number<boost::multiprecision::cpp_bin_float<320, boost::multiprecision::digit_base_2>,
                                  boost::multiprecision::et_off>;

double mean_of(const TruncatedNegativeBinomial& law) {
  const double x = -std::log(law.gamma), z = law.eta * x;
  const double ratio = z == 0 ? 1 : -std::expm1(-z) / z;
  return std::expm1(x) / x / ratio;
}

// A multiple of 2^-256 in [0, 1), each equally likely.
Wide uniform(RandomStream& stream) {
  Wide sum = 0;
  for (int i = 1; i <= 4; ++i) sum += ldexp(Wide(stream.next_u64()), -64 * i);
  return sum;
}

// The first count up to which the weights of a law sum to more than u: `weight` is that of `count`, and the next count
// has ratio(count) times as much.
template <typename Ratio>
std::int64_t invert(const Wide& u, std::int64_t count, Wide weight, const Ratio& ratio) {
  const Wide negligible = ldexp(Wide(1), -400);
  Wide sum = weight;
  while (sum <= u) {
    const Wide growth = ratio(count++);
    weight *= growth;
    SOTTO_ASSERT(growth >= 1 || weight > negligible);
    sum += weight;
  }
  return count;
}

std::int64_t draw(const TruncatedNegativeBinomial& law, const Wide& u) {
  const Wide gamma(law.gamma), eta(law.eta), p = 1 - gamma;
  const Wide log_inverse = -log(gamma);
  const Wide first = law.eta == 0 ? p / log_inverse : p * eta / expm1(eta * log_inverse);
  return invert(u, 1, first, [&](std::int64_t k) -> Wide { return p * (k + eta) / (k + 1); });
}

std::int64_t draw(const PoissonRuns& law, const Wide& u) {
  const Wide mean(law.mean);
  return invert(u, 0, exp(-mean), [&](std::int64_t k) -> Wide { return mean / (k + 1); });
}

}  // namespace

void validate(const SelectionRuns& runs) {
  if (const auto* law = std::get_if<TruncatedNegativeBinomial>(&runs)) {
    if (!(law->eta > -1 && std::isfinite(law->eta)))
      throw UsageError(fmt::format("[selection runs] bad eta: {}; allowed is a finite number > -1", law->eta));
    if (!(law->gamma >= kSmallestGamma && law->gamma < 1))
      throw UsageError(
          fmt::format("[selection runs] bad gamma: {}; allowed is {} <= gamma < 1", law->gamma, kSmallestGamma));
    return;
  }
  const double mean = std::get<PoissonRuns>(runs).mean;
  if (!(mean > 0 && mean <= kMostMeanRuns))
    throw UsageError(fmt::format("[selection runs] bad mean: {}; allowed is 0 < mean <= {}", mean, kMostMeanRuns));
}

std::string to_text(const SelectionRuns& runs) {
  if (const auto* law = std::get_if<TruncatedNegativeBinomial>(&runs))
    return fmt::format("the truncated negative binomial law with eta {} and gamma {}", law->eta, law->gamma);
  return fmt::format("the Poisson law with mean {}", std::get<PoissonRuns>(runs).mean);
}

double mean_runs(const SelectionRuns& runs) {
  validate(runs);
  if (const auto* law = std::get_if<TruncatedNegativeBinomial>(&runs)) return mean_of(*law);
  return std::get<PoissonRuns>(runs).mean;
}

TruncatedNegativeBinomial truncated_negative_binomial(double eta, double mean) {
  validate(TruncatedNegativeBinomial{eta, 0.5});
  if (!(mean > 1 && mean <= kMostMeanRuns))
    throw UsageError(
        fmt::format("[truncated_negative_binomial] bad mean: {}; allowed is 1 < mean <= {}", mean, kMostMeanRuns));
  constexpr int kMostBisections = 200;
  double low = std::log(kSmallestGamma), high = std::log1p(-std::numeric_limits<double>::epsilon() / 2);
  for (int i = 0; i < kMostBisections; ++i) {
    const double middle = low > 2 * high ? low + (high - low) / 2 : -std::sqrt(low * high);
    if (middle <= low || middle >= high) break;
    (mean_of({eta, std::exp(middle)}) > mean ? low : high) = middle;
  }
  for (const double log_gamma : {high, low}) {
    const TruncatedNegativeBinomial law{eta, std::exp(log_gamma)};
    if (law.gamma >= kSmallestGamma && law.gamma < 1 && std::abs(mean_of(law) / mean - 1) <= 1e-9) return law;
  }
  throw UsageError(fmt::format(
      "[truncated_negative_binomial] no gamma from {} to 1 gives the mean {} with eta {}; allowed are smaller means",
      kSmallestGamma, mean, eta));
}

std::int64_t draw_runs(const SelectionRuns& runs, RandomStream& stream) {
  if (const double mean = mean_runs(runs); !(mean <= kMostMeanRuns))
    throw UsageError(fmt::format("[draw_runs] bad mean of the runs: {}; allowed is at most {}", mean, kMostMeanRuns));
  const Wide u = uniform(stream);
  return std::visit([&](const auto& law) { return draw(law, u); }, runs);
}

}  // namespace sotto::privacy

#include <fmt/format.h>
#include <sotto/privacy/binomial_limits.h>
#include <sotto/privacy/error.h>

#include <algorithm>
#include <boost/math/special_functions/beta.hpp>
#include <limits>

namespace sotto::privacy {
namespace {

constexpr int kMostMoves = 40;

void check(const char* where, std::int64_t trials, std::int64_t count) {
  if (trials < 1 || trials > kMostTrials)
    throw UsageError(fmt::format("[{}] bad number of trials: {}; allowed is 1 to {}", where, trials, kMostTrials));
  if (count < 0 || count > trials)
    throw UsageError(fmt::format("[{}] bad count: {}; allowed is 0 to the number of trials, {}", where, count, trials));
}

void check_alpha(const char* where, double alpha) {
  if (!(alpha > 0 && alpha < 1))
    throw UsageError(fmt::format("[{}] bad alpha: {}; allowed is a number between 0 and 1", where, alpha));
}

double raise(double tail) {
  return std::min(1.0, tail * (1 + kBinomialMargin) + std::numeric_limits<double>::min());
}

}  // namespace

double binomial_upper_tail(std::int64_t trials, std::int64_t count, double failure) {
  check("binomial_upper_tail", trials, count);
  if (!(failure >= 0 && failure <= 1))
    throw UsageError(fmt::format("[binomial_upper_tail] bad failure probability: {}; allowed is 0 to 1", failure));
  if (count == 0 || failure == 0) return 1;
  if (failure == 1) return std::numeric_limits<double>::min();
  const auto most_failures = static_cast<double>(trials - count);
  return raise(boost::math::ibetac(most_failures + 1, static_cast<double>(count), failure));
}

double binomial_lower_limit(std::int64_t trials, std::int64_t count, double alpha) {
  check("binomial_lower_limit", trials, count);
  check_alpha("binomial_lower_limit", alpha);
  if (count == 0) return 0;
  const auto a = static_cast<double>(count), b = static_cast<double>(trials - count + 1);
  const double found = boost::math::ibeta_inv(a, b, alpha);
  double move = kBinomialMargin;
  for (int i = 0; i < kMostMoves && move < 1; ++i, move *= 2) {
    const double limit = found * (1 - move);
    if (limit >= 0 && limit < 1 && raise(boost::math::ibeta(a, b, limit)) <= alpha) return limit;
  }
  return 0;
}

double binomial_upper_limit(std::int64_t trials, std::int64_t count, double alpha) {
  check("binomial_upper_limit", trials, count);
  check_alpha("binomial_upper_limit", alpha);
  if (count == trials) return 1;
  const auto a = static_cast<double>(count + 1), b = static_cast<double>(trials - count);
  const double found = boost::math::ibetac_inv(a, b, alpha);
  double move = kBinomialMargin;
  for (int i = 0; i < kMostMoves; ++i, move *= 2) {
    const double limit = found * (1 + move);
    if (limit >= 1) return 1;
    if (limit > 0 && raise(boost::math::ibetac(a, b, limit)) <= alpha) return limit;
  }
  return 1;
}

}  // namespace sotto::privacy

#include <fmt/format.h>
#include <sotto/privacy/error.h>
#include <sotto/privacy/log_sum.h>
#include <sotto/privacy/pure_rdp.h>
#include <sotto/privacy/rdp.h>
#include <sotto/privacy/release_rdp.h>
#include <sotto/privacy/renyi_nodes.h>
#include <sotto/privacy/without_replacement_rdp.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>
#include <vector>

namespace sotto::privacy {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr double kSteepest = 1 / kSmallestQuadratureNoise;

// (order - 1) D_order of N(distance) against N(0), unit variance.
double gaussian_moment(double order, double distance) {
  return order * (order - 1) / 2 * distance * distance;
}

// 1 + p (e^moment - 1) is the moment of a mixture that equals its reference with probability 1 - p: joint convexity.
double diluted(double probability, double moment) {
  if (moment < 40) return std::log1p(probability * std::expm1(moment));
  return log1p_exp(std::log(probability) + moment);
}

// `rdp` raised by what rounding may have taken from its moment. A node at u up to `reach` has the exponent order * log
// r
// - u^2 / 2, and log r is computed from numbers up to steepness * (reach + steepness) + log_weight: their rounding is a
// relative error of A - 1, of which log A suffers no more than that part of itself, and no more than that.
double raised(double rdp, double order, double steepness, double reach, double log_weight) {
  constexpr double kRounding = 8 * std::numeric_limits<double>::epsilon();
  constexpr double kOfOneTerm = 30;
  const double error =
      kRounding * (order * (steepness * (reach + steepness) + log_weight) + reach * reach / 2 + kOfOneTerm);
  return error < 1 ? rdp + error * std::min(rdp, 1 / (order - 1)) : kInfinity;
}

constexpr double kReach = 10;

class PoissonRemoval : public ReleaseRdp {
 public:
  PoissonRemoval(double sampling_rate, double noise_multiplier) : q_(sampling_rate), s_(noise_multiplier) {
    if (s_ >= kSmallestQuadratureNoise) nodes_.emplace(removal_pair(q_, s_));
  }
  double at(double order) override {
    if (std::isinf(order)) return kInfinity;
    std::optional<double> value;
    if (nodes_) value = nodes_->divergence(order);
    if (!value) value = subsampled_gaussian_rdp(q_, s_, order, Direction::remove);
    return std::min(raised(*value, order, 1 / s_, order / s_ + kReach, -std::log(q_)), order / 2 / s_ / s_);
  }

 private:
  double q_, s_;
  std::optional<RenyiNodes> nodes_;
};

class DiscreteRemoval : public ReleaseRdp {
 public:
  DiscreteRemoval(double sampling_rate, double noise_multiplier)
      : continuous_(sampling_rate, noise_multiplier), s_(noise_multiplier) {}
  double at(double order) override {
    if (std::isinf(order)) return kInfinity;
    const double unsampled = order / 2 / s_ / s_;
    if (order <= 2) return std::min(continuous_.at(2), unsampled);
    const double below = std::floor(order), part = order - below;
    if (part == 0) return continuous_.at(order);
    const double moment = (1 - part) * (below - 1) * continuous_.at(below) + part * below * continuous_.at(below + 1);
    return std::min(moment / (order - 1), unsampled);
  }

 private:
  PoissonRemoval continuous_;
  double s_;
};

class UnsampledDiscrete : public ReleaseRdp {
 public:
  UnsampledDiscrete(double distance, double noise_multiplier) : distance_(distance), s_(noise_multiplier) {}
  double at(double order) override { return order / 2 * (distance_ / s_) * (distance_ / s_); }

 private:
  double distance_, s_;
};

class PoissonReplacement : public ReleaseRdp {
 public:
  PoissonReplacement(double sampling_rate, double noise_multiplier)
      : q_(sampling_rate), distance_(2 / noise_multiplier) {
    if (noise_multiplier >= kSmallestQuadratureNoise) nodes_.emplace(replacement_pair(q_, noise_multiplier));
  }
  double at(double order) override {
    if (std::isinf(order)) return kInfinity;
    const double unsampled = order / 2 * distance_ * distance_;
    std::optional<double> value;
    if (nodes_) value = nodes_->divergence(order);
    if (!value) value = order == 1 ? q_ * unsampled : diluted(q_, gaussian_moment(order, distance_)) / (order - 1);
    return std::min(raised(*value, order, distance_, order * distance_ + kReach, -std::log(q_)), unsampled);
  }

 private:
  double q_, distance_;
  std::optional<RenyiNodes> nodes_;
};

class Mixture : public ReleaseRdp {
 public:
  explicit Mixture(const MixtureOfGaussians& event) : event_(event) {
    largest_ = *std::max_element(event.sensitivities.begin(), event.sensitivities.end()) / event.standard_deviation;
    log_rarest_ = -std::log(*std::min_element(event.probabilities.begin(), event.probabilities.end()));
    if (!(largest_ > 0 && largest_ <= kSteepest)) return;
    removal_.emplace(mixture_removal_pair(event.standard_deviation, event.sensitivities, event.probabilities));
    addition_.emplace(mixture_addition_pair(event.standard_deviation, event.sensitivities, event.probabilities));
  }
  double at(double order) override {
    if (std::isinf(order)) return kInfinity;
    const double bound = by_convexity(order);
    std::optional<double> removed, added;
    if (removal_) removed = removal_->divergence(order);
    if (removed) added = addition_->divergence(order);
    const double value = added ? std::min(bound, std::max(*removed, *added)) : bound;
    return std::min(raised(value, order, largest_, order * largest_ + kReach, log_rarest_),
                    order / 2 * largest_ * largest_);
  }

 private:
  double by_convexity(double order) const {
    const double unsampled = order / 2 * largest_ * largest_;
    double sum = 0;
    for (std::size_t i = 0; i < event_.sensitivities.size(); ++i) {
      const double distance = event_.sensitivities[i] / event_.standard_deviation;
      sum += event_.probabilities[i] *
             (order == 1 ? distance / 2 * distance : std::expm1(gaussian_moment(order, distance)));
    }
    return std::min(unsampled, order == 1 ? sum : std::log1p(sum) / (order - 1));
  }

  MixtureOfGaussians event_;
  double largest_, log_rarest_;
  std::optional<RenyiNodes> removal_, addition_;
};

class WithoutReplacementRelease : public ReleaseRdp {
 public:
  explicit WithoutReplacementRelease(const WithoutReplacement& event)
      : rdp_(static_cast<double>(event.batch_size) / static_cast<double>(event.dataset_size),
             event.mechanism.noise_multiplier) {}
  double at(double order) override { return rdp_.at(order); }

 private:
  WithoutReplacementRdp rdp_;
};

class LaplaceRelease : public ReleaseRdp {
 public:
  explicit LaplaceRelease(double scale) : scale_(scale) {}
  double at(double order) override { return laplace_rdp(scale_, order); }

 private:
  double scale_;
};

class PureRelease : public ReleaseRdp {
 public:
  explicit PureRelease(double epsilon) : epsilon_(epsilon) {}
  double at(double order) override { return pure_rdp(epsilon_, order); }

 private:
  double epsilon_;
};

// Noise on a number of sensitivity 1 that is as revealing as this noise on one that moves by the adjacency's length.
double laplace_scale(Adjacency adjacency, const Laplace& event) {
  if (adjacency != Adjacency::replace_one) return event.noise_multiplier;
  return std::max(event.noise_multiplier / 2, std::numeric_limits<double>::denorm_min());
}

struct Maker {
  Adjacency adjacency;
  std::unique_ptr<ReleaseRdp> operator()(const PoissonSampled& event) const {
    if (adjacency == Adjacency::replace_one)
      return std::make_unique<PoissonReplacement>(event.sampling_rate, event.mechanism.noise_multiplier);
    return std::make_unique<PoissonRemoval>(event.sampling_rate, event.mechanism.noise_multiplier);
  }
  std::unique_ptr<ReleaseRdp> operator()(const WithoutReplacement& event) const {
    return std::make_unique<WithoutReplacementRelease>(event);
  }
  std::unique_ptr<ReleaseRdp> operator()(const TruncatedPoisson&) const { return nullptr; }
  std::unique_ptr<ReleaseRdp> operator()(const MixtureOfGaussians& event) const {
    return std::make_unique<Mixture>(event);
  }
  std::unique_ptr<ReleaseRdp> operator()(const Laplace& event) const {
    return std::make_unique<LaplaceRelease>(laplace_scale(adjacency, event));
  }
  std::unique_ptr<ReleaseRdp> operator()(const ApproxDp& event) const {
    return std::make_unique<PureRelease>(event.epsilon);
  }
  std::unique_ptr<ReleaseRdp> operator()(const SampledDiscreteGaussian& event) const {
    if (event.sampling_rate < 1) return std::make_unique<DiscreteRemoval>(event.sampling_rate, event.noise_multiplier);
    return std::make_unique<UnsampledDiscrete>(adjacency == Adjacency::replace_one ? 2 : 1, event.noise_multiplier);
  }
};

}  // namespace

std::optional<std::string> why_no_rdp(Adjacency adjacency, const SingleRelease& release) {
  if (std::holds_alternative<TruncatedPoisson>(release))
    return "truncated Poisson sampling has no Renyi curve here: its batch size depends on the record";
  if (const auto* event = std::get_if<ApproxDp>(&release); event && event->delta > 0)
    return fmt::format("a release that fails with probability delta = {} has no finite Renyi divergence", event->delta);
  if (std::holds_alternative<WithoutReplacement>(release) && adjacency != Adjacency::replace_one)
    return "sampling without replacement has a Renyi curve under replace-one only";
  if (std::holds_alternative<MixtureOfGaussians>(release) && adjacency == Adjacency::replace_one)
    return "a mixture of Gaussians has a Renyi curve under add-remove and zero-out only";
  if (const auto* event = std::get_if<SampledDiscreteGaussian>(&release);
      event && event->sampling_rate < 1 && adjacency == Adjacency::replace_one)
    return "a Poisson sample with discrete Gaussian noise has a Renyi curve under add-remove and zero-out only";
  return std::nullopt;
}

std::unique_ptr<ReleaseRdp> make_release_rdp(Adjacency adjacency, const SingleRelease& release) {
  if (const auto reason = why_no_rdp(adjacency, release))
    throw UsageError(fmt::format("[RdpAccountant] unsupported event: {}", *reason));
  return std::visit(Maker{adjacency}, release);
}

std::optional<double> pure_epsilon(Adjacency adjacency, const SingleRelease& release) {
  if (const auto* event = std::get_if<Laplace>(&release)) return 1 / laplace_scale(adjacency, *event);
  if (const auto* event = std::get_if<ApproxDp>(&release); event && event->delta == 0) return event->epsilon;
  return std::nullopt;
}

}  // namespace sotto::privacy

#include <fmt/format.h>
#include <sotto/privacy/error.h>
#include <sotto/privacy/merged_events.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <utility>

namespace sotto::privacy {
namespace {

// Orders releases of every kind, so that equal ones meet.
using Key = std::pair<std::size_t, std::vector<double>>;

Key key_of(const SingleRelease& release) {
  struct Numbers {
    std::vector<double> operator()(const PoissonSampled& e) const {
      return {e.sampling_rate, e.mechanism.noise_multiplier};
    }
    std::vector<double> operator()(const WithoutReplacement& e) const {
      return {static_cast<double>(e.batch_size), static_cast<double>(e.dataset_size), e.mechanism.noise_multiplier};
    }
    std::vector<double> operator()(const TruncatedPoisson& e) const {
      return {e.sampling_rate, static_cast<double>(e.dataset_size), static_cast<double>(e.largest_batch),
              e.mechanism.noise_multiplier};
    }
    std::vector<double> operator()(const MixtureOfGaussians& e) const {
      std::vector<double> numbers = {e.standard_deviation};
      numbers.insert(numbers.end(), e.sensitivities.begin(), e.sensitivities.end());
      numbers.insert(numbers.end(), e.probabilities.begin(), e.probabilities.end());
      return numbers;
    }
    std::vector<double> operator()(const Laplace& e) const { return {e.noise_multiplier}; }
    std::vector<double> operator()(const ApproxDp& e) const { return {e.epsilon, e.delta}; }
    std::vector<double> operator()(const SampledDiscreteGaussian& e) const {
      return {e.sampling_rate, e.noise_multiplier};
    }
  };
  return {release.index(), std::visit(Numbers{}, release)};
}

constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr double kLargest = std::numeric_limits<double>::max();

// A count that is rounded down loses releases: 2^53 + 1 + 1 + ... would stay 2^53. Both are >= 0.
double sum_rounded_up(double a, double b) {
  const double sum = a + b;
  return sum - std::max(a, b) < std::min(a, b) ? std::nextafter(sum, kInfinity) : sum;
}

double product_rounded_up(double a, double b) {
  const double product = a * b;
  return std::fma(a, b, -product) > 0 ? std::nextafter(product, kInfinity) : product;
}

class Merger {
 public:
  explicit Merger(Adjacency adjacency) : adjacency_(adjacency) {}

  void add(const Event& event, double count) {
    if (count > 0) std::visit([&](const auto& kind) { add_kind(kind, count); }, event.variant());
  }

  MergedEvents take() {
    for (auto& [key, term] : terms_) {
      bound(term.count);
      merged_.terms.push_back(std::move(term));
    }
    double lost = 0;  // by rounding of the sum, which has all digits again at the end (Neumaier 1974)
    for (const auto& [noise, count] : gaussian_counts_) {
      // One factor after the other: the square of the noise may overflow, and something released is never nothing.
      const double root = (adjacency_ == Adjacency::replace_one ? 2 : 1) / noise;
      const double term = std::max(count * root * root, std::numeric_limits<double>::min());
      const double before = merged_.squared_gaussian_mean, sum = before + term;
      lost += before >= term ? (before - sum) + term : (term - sum) + before;
      merged_.squared_gaussian_mean = sum;
    }
    if (std::isfinite(lost)) merged_.squared_gaussian_mean += lost;
    bound(merged_.squared_gaussian_mean);
    return std::move(merged_);
  }

 private:
  void add_kind(const NoOp&, double) {}
  void add_kind(const NonPrivate&, double) { merged_.non_private = true; }
  void add_kind(const Gaussian& event, double count) {
    if (event.noise_multiplier == 0) {
      merged_.non_private = true;
      return;
    }
    double& total = gaussian_counts_[event.noise_multiplier];
    total = sum_rounded_up(total, count);
  }
  void add_kind(const PoissonSampled& event, double count) {
    if (event.sampling_rate == 0) return;
    if (event.sampling_rate == 1) return add_kind(event.mechanism, count);
    add_sampled(event, event.mechanism, count);
  }
  void add_kind(const WithoutReplacement& event, double count) {
    if (adjacency_ != Adjacency::replace_one)
      refuse("sampling without replacement", "replace-one, because the number of records must stay the same");
    if (event.batch_size == event.dataset_size) return add_kind(event.mechanism, count);
    add_sampled(event, event.mechanism, count);
  }
  void add_kind(const TruncatedPoisson& event, double count) {
    if (adjacency_ == Adjacency::replace_one) refuse("truncated Poisson sampling", "add-remove or zero-out");
    if (event.sampling_rate == 0) return;
    if (event.largest_batch >= event.dataset_size)
      return add_kind(PoissonSampled{event.sampling_rate, event.mechanism}, count);
    add_sampled(event, event.mechanism, count);
  }
  void add_kind(const EpochOnce& event, double count) {
    if (adjacency_ == Adjacency::add_remove)
      refuse("one batch per record and epoch", "zero-out or replace-one, because adding a record moves all batches");
    const double epochs = product_rounded_up(static_cast<double>(event.epochs), count);
    if (epochs > 0) add_kind(event.mechanism, epochs);
  }
  void add_kind(const MixtureOfGaussians& event, double count) {
    if (adjacency_ == Adjacency::replace_one) refuse("a mixture of Gaussians", "add-remove or zero-out");
    const double largest = *std::max_element(event.sensitivities.begin(), event.sensitivities.end());
    if (largest > 0) add_term(event, count);
  }
  void add_kind(const Laplace& event, double count) {
    if (event.noise_multiplier == 0)
      merged_.non_private = true;
    else
      add_term(event, count);
  }
  void add_kind(const ApproxDp& event, double count) {
    if (event.epsilon > 0 || event.delta > 0) add_term(event, count);
  }
  void add_kind(const SampledDiscreteGaussian& event, double count) {
    if (event.sampling_rate == 0) return;
    if (event.sampling_rate < 1 && adjacency_ == Adjacency::replace_one)
      refuse("a Poisson sample with discrete Gaussian noise", "add-remove or zero-out, or no sampling");
    if (event.noise_multiplier == 0)
      merged_.non_private = true;
    else
      add_term(event, count);
  }
  void add_kind(const SelfComposed& event, double count) {
    add(*event.event, product_rounded_up(count, static_cast<double>(event.count)));
  }
  void add_kind(const Composed& event, double count) {
    for (const Event& part : event.events) add(part, count);
  }

  void add_sampled(const SingleRelease& event, const Gaussian& mechanism, double count) {
    if (mechanism.noise_multiplier == 0)
      merged_.non_private = true;
    else
      add_term(event, count);
  }
  void add_term(const SingleRelease& event, double count) {
    double& total = terms_.try_emplace(key_of(event), MergedEvents::Term{event, 0}).first->second.count;
    total = sum_rounded_up(total, count);
  }
  void bound(double& value) {
    if (value <= kLargest) return;
    value = kLargest;
    merged_.non_private = true;
  }
  [[noreturn]] void refuse(const char* what, const char* allowed) const {
    throw UsageError(fmt::format("[merge] {} has no guarantee under adjacency {}; allowed is {}", what,
                                 to_string(adjacency_), allowed));
  }

  Adjacency adjacency_;
  std::map<Key, MergedEvents::Term> terms_;
  std::map<double, double> gaussian_counts_;  // by noise
  MergedEvents merged_;
};

}  // namespace

MergedEvents merge(Adjacency adjacency, const Event& event) {
  validate(event);
  Merger merger(adjacency);
  merger.add(event, 1);
  return merger.take();
}

}  // namespace sotto::privacy

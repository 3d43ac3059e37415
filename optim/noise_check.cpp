#include <ATen/TensorOperators.h>
#include <fmt/format.h>
#include <sotto/optim/count_check.h>
#include <sotto/optim/noise_check.h>

#include <algorithm>
#include <cmath>
#include <span>

namespace sotto::optim {
namespace {

constexpr int64_t kMostSteps = 64;
constexpr double kBeyond[] = {1.0, 2.0, 3.0};

// One step's noise in units of its standard deviation, all tensors one after the other.
using Draws = std::vector<double>;

double share_beyond(double deviations) {
  return std::erfc(deviations / std::sqrt(2.0));
}

struct Sums {
  double count = 0, first = 0, second = 0, products = 0;
  double beyond[3] = {0, 0, 0};

  void add(std::span<const double> values) {
    for (size_t i = 0; i < values.size(); ++i) {
      const double x = values[i];
      first += x;
      second += x * x;
      if (i > 0) products += x * values[i - 1];
      for (int k = 0; k < 3; ++k) beyond[k] += std::abs(x) > kBeyond[k];
    }
    count += static_cast<double>(values.size());
  }
};

class NoiseCheck {
 public:
  NoiseCheck(const AuditedTraining& training, int64_t draws) : training_(training) {
    for (const NamedParameter& parameter : training.parameters) elements_ += parameter.tensor.numel();
    const int64_t wanted = (draws + 2 * elements_ - 1) / (2 * elements_);
    steps_ = std::clamp<int64_t>(wanted, 2, std::min<int64_t>(kMostSteps, std::max<int64_t>(2, plan().steps())));
    steps_ = std::min(steps_, plan().steps());
  }

  std::vector<AuditFinding> run() {
    per_tensor_.resize(training_.parameters.size());
    squares_.resize(static_cast<size_t>(elements_));
    const std::vector<Draws> one = start(), other = start();
    Sums all;
    for (const Sums& tensor : per_tensor_) {
      all.count += tensor.count;
      all.first += tensor.first;
      all.second += tensor.second;
      all.products += tensor.products;
      for (int k = 0; k < 3; ++k) all.beyond[k] += tensor.beyond[k];
    }
    for (size_t t = 0; t < per_tensor_.size(); ++t) deviation(training_.parameters[t].name, per_tensor_[t]);
    deviation("all parameters", all);
    elements();
    z("mean", all.first / std::sqrt(all.count));
    for (int k = 0; k < 3; ++k) {
      const double p = share_beyond(kBeyond[k]);
      z(fmt::format("share beyond {} deviations", kBeyond[k]),
        (all.beyond[k] - p * all.count) / std::sqrt(p * (1 - p) * all.count));
    }
    z("neighbouring elements", all.products / std::sqrt(all.count));
    double steps = 0, pairs = 0;
    for (size_t s = 1; s < one.size(); ++s) {
      steps += product(one[s - 1], one[s]);
      pairs += static_cast<double>(elements_);
    }
    if (pairs > 0) z("consecutive steps", steps / std::sqrt(pairs));
    double starts = 0;
    for (size_t s = 0; s < one.size(); ++s) starts += product(one[s], other[s]);
    z("two starts of the program",
      starts / std::sqrt(static_cast<double>(elements_) * static_cast<double>(one.size())));
    tensors(one);
    if (training_.options.rule.adaptive_clipping())
      for (AuditFinding& finding : check_count(training_)) findings_.push_back(std::move(finding));
    return std::move(findings_);
  }

 private:
  const privacy::PrivacyPlan& plan() const { return training_.options.plan; }
  double stddev() const { return plan().noise_multiplier() * training_.options.rule.sensitivity(); }

  std::vector<Draws> start() {
    Records none = made_up_records(training_.options.inputs, 0, 1);
    AuditRun run(training_, std::move(none), std::nullopt);
    std::vector<Draws> result;
    for (int64_t s = 0; s < steps_; ++s) {
      Draws draws;
      const std::vector<at::Tensor> sums = run.step();
      for (size_t t = 0; t < per_tensor_.size(); ++t) {
        const at::Tensor scaled = sums[t].div(stddev()).contiguous().view({-1});
        const std::span<const double> values(scaled.const_data_ptr<double>(), static_cast<size_t>(scaled.numel()));
        per_tensor_[t].add(values);
        draws.insert(draws.end(), values.begin(), values.end());
      }
      for (size_t e = 0; e < draws.size(); ++e) squares_[e] += draws[e] * draws[e];
      result.push_back(std::move(draws));
    }
    const privacy::LedgerContents& ledger = run.ledger();
    const bool same = ledger.header.event.mechanism.noise_multiplier == plan().noise_multiplier() &&
                      ledger.header.event.sampling_rate == plan().sampling_rate() &&
                      ledger.header.sensitivity == training_.options.rule.sensitivity() &&
                      ledger.releases.size() == 1 && ledger.steps_charged() == steps_;
    if (findings_.empty() || !same)
      findings_.push_back({"charge", same,
                           fmt::format("{} steps, each with the plan's noise, rate and sensitivity{}", steps_,
                                       same ? "" : ": not what the ledger says")});
    return result;
  }

  static double product(const Draws& a, const Draws& b) {
    double sum = 0;
    for (size_t i = 0; i < a.size(); ++i) sum += a[i] * b[i];
    return sum;
  }

  // The worst of all, so that N elements have the false alarms of one: N e^(-z^2 / 2) is what it is for one.
  void elements() {
    const double allowed = std::sqrt(kNoiseCheckZ * kNoiseCheckZ + 2 * std::log(static_cast<double>(elements_)));
    double worst = 0;
    int64_t still = 0;
    for (const double squares : squares_) {
      const double score = score_of_squares(squares, 2 * static_cast<double>(steps_));
      if (std::abs(score) > std::abs(worst) || std::isnan(score)) worst = score;
      still += squares == 0;
    }
    findings_.push_back({"noise: every element", std::abs(worst) <= allowed && still == 0,
                         fmt::format("z {:.1f} at most {:.1f} where it is worst, {} of {} without noise", worst,
                                     allowed, still, elements_)});
  }

  void deviation(const std::string& name, const Sums& sums) {
    const double score = score_of_squares(sums.second, sums.count);
    findings_.push_back({"noise of " + name, std::abs(score) <= kNoiseCheckZ,
                         fmt::format("standard deviation {:.4f} of the stated one over {:.0f} draws, z {:.1f}",
                                     std::sqrt(sums.second / sums.count), sums.count, score)});
  }

  void z(const std::string& subject, double value) {
    findings_.push_back({"noise: " + subject, std::abs(value) <= kNoiseCheckZ, fmt::format("z {:.1f}", value)});
  }

  // The same element of consecutive tensors of one step.
  void tensors(const std::vector<Draws>& steps) {
    double sum = 0, pairs = 0;
    for (const Draws& draws : steps) {
      int64_t begin = 0;
      for (size_t t = 0; t + 1 < training_.parameters.size(); ++t) {
        const int64_t size = training_.parameters[t].tensor.numel(), next = training_.parameters[t + 1].tensor.numel();
        for (int64_t i = 0; i < std::min(size, next); ++i)
          sum += draws[static_cast<size_t>(begin + i)] * draws[static_cast<size_t>(begin + size + i)];
        pairs += static_cast<double>(std::min(size, next));
        begin += size;
      }
    }
    if (pairs > 0) z("consecutive tensors", sum / std::sqrt(pairs));
  }

  const AuditedTraining& training_;
  int64_t elements_ = 0, steps_ = 0;
  std::vector<Sums> per_tensor_;
  std::vector<double> squares_;  // of every element, over all steps of both starts
  std::vector<AuditFinding> findings_;
};

}  // namespace

double score_of_squares(double squares, double count) {
  if (count > 1000) return (squares - count) / std::sqrt(2 * count);
  // Few numbers have a skewed mean of squares: the cube root of it is close to normal (Wilson, Hilferty 1931).
  const double few = 2 / (9 * count);
  return (std::cbrt(squares / count) - (1 - few)) / std::sqrt(few);
}

std::vector<AuditFinding> check_noise(const AuditedTraining& training, int64_t draws) {
  return NoiseCheck(training, draws).run();
}

}  // namespace sotto::optim

// The noise that leaves the mechanism, measured: its standard deviation for every parameter tensor, its independence,
// and that it is what the ledger says. Draws are seeded. With 8e6 draws the standard error of a standard deviation is
// 2.5e-4 of it, so a tolerance of 0.1 per cent gives a false alarm in 6e-5 of all seeds for each tensor and rule, and
// misses a noise that is 0.3 per cent off in less than 1e-14.

#include <ATen/ATen.h>
#include <gtest/gtest.h>
#include <sotto/optim/clipper.h>
#include <sotto/optim/gaussian_mechanism.h>
#include <sotto/privacy/error.h>

#include <cmath>
#include <limits>

#include "../support/scratch_folder.h"
#include "clipped_sum_access.h"
#include "gaussian_mechanism_access.h"

namespace sotto::optim {
namespace {

using at::Tensor;
using privacy::SecretKey;
using sotto::testing::ScratchFolder;

constexpr int64_t kDraws = 8'000'000;
constexpr double kTolerance = 1e-3;
constexpr int64_t kDivisor = 48;  // not the size of any batch drawn here

struct Setting {
  WeightRule rule;
  std::vector<size_t> groups;
  double noise_multiplier = 1.3;
};

// Tensors of sizes that are no multiples of the block of the generator.
class Release {
 public:
  explicit Release(const Setting& setting, std::uint64_t seed = 1)
      : event_{0.01, {setting.noise_multiplier}},
        clipper_(parameters(), {}, setting.rule, setting.groups),
        noise_key_(SecretKey::insecure_for_tests(seed)),
        ledger_(privacy::Ledger::create(
            folder_.path() / "ledger.jsonl", header(setting.rule.sensitivity()),
            {noise_key_.commitment(), SecretKey::insecure_for_tests(seed + 1000).commitment(), false})),
        mechanism_(GaussianMechanismTestAccess::make(event_, kDivisor, std::move(noise_key_))) {}

  // One step: the noiseless sum is that of an empty batch.
  std::vector<Tensor> step() {
    PrivateGradient released = mechanism_.release(clipper_.take(), ledger_);
    return released.values();
  }
  PrivateGradient release(ClippedSum sum) { return mechanism_.release(std::move(sum), ledger_); }

  Clipper& clipper() { return clipper_; }
  privacy::Ledger& ledger() { return ledger_; }
  std::filesystem::path ledger_path() const { return folder_.path() / "ledger.jsonl"; }

  static std::vector<NamedParameter> parameters() {
    std::vector<NamedParameter> result;
    int index = 0;
    for (const std::vector<int64_t>& sizes :
         std::vector<std::vector<int64_t>>{{101, 97}, {9973}, {7, 3, 11, 43}, {2, 5001}}) {
      const auto dtype = index == 3 ? at::kDouble : at::kFloat;
      result.push_back({"p" + std::to_string(index++), at::zeros(sizes, dtype).requires_grad_()});
    }
    return result;
  }

 private:
  privacy::LedgerHeader header(double sensitivity) const {
    privacy::LedgerHeader header;
    header.adjacency = privacy::Adjacency::add_remove;
    header.dataset_size = 4800;
    header.delta = 1e-5;
    header.event = event_;
    header.sensitivity = sensitivity;
    header.steps = 100000;
    header.weight_rule = "any";
    header.accountant_name = "rdp";
    header.accountant_version = "1";
    header.keys_are_secret = false;
    return header;
  }

  ScratchFolder folder_{ScratchFolder::memory()};
  privacy::PoissonSampled event_;
  Clipper clipper_;
  SecretKey noise_key_;
  privacy::Ledger ledger_;
  GaussianMechanism mechanism_;
};

// Standard deviation of each tensor about zero, from at least kDraws draws of each.
std::vector<double> measured(Release& release, int64_t draws = kDraws) {
  std::vector<double> squares(4, 0.0);
  std::vector<int64_t> count(4, 0);
  while (*std::min_element(count.begin(), count.end()) < draws) {
    const std::vector<Tensor> values = release.step();
    for (size_t t = 0; t < values.size(); ++t) {
      squares[t] += values[t].to(at::kDouble).square().sum().item<double>();
      count[t] += values[t].numel();
    }
  }
  for (size_t t = 0; t < squares.size(); ++t) squares[t] = std::sqrt(squares[t] / static_cast<double>(count[t]));
  return squares;
}

std::vector<Setting> settings() {
  return {{WeightRule::flat(0.37), {}, 1.3},
          {WeightRule::flat_per_group({0.05, 0.2}), {0, 1, 1, 0}, 0.8},
          {WeightRule::psac(12.0, 0.01), {}, 2.15}};
}

bool within(const std::vector<double>& stddevs, double expected) {
  return std::all_of(stddevs.begin(), stddevs.end(),
                     [&](double stddev) { return std::abs(stddev / expected - 1.0) <= kTolerance; });
}

// S for the settings, from the definition and not from the rule.
const double kBounds[] = {0.37, std::sqrt(0.05 * 0.05 + 0.2 * 0.2), 12.0};

TEST(ReleasedNoise, HasTheStandardDeviationOfThePlanForEveryTensor) {
  for (size_t s = 0; s < settings().size(); ++s) {
    Release release(settings()[s], s);
    const double expected = settings()[s].noise_multiplier * kBounds[s] / kDivisor;
    EXPECT_TRUE(within(measured(release), expected)) << "setting " << s;
  }
}

TEST(ReleasedNoise, LedgerHoldsTheNoiseThatWasMeasured) {
  Release release(settings()[1], 20);
  const std::vector<double> stddevs = measured(release);
  const privacy::LedgerContents ledger = privacy::read_ledger(release.ledger_path());
  ASSERT_EQ(ledger.spent.size(), 1u);
  EXPECT_TRUE(
      within(stddevs, ledger.spent[0].event.mechanism.noise_multiplier * ledger.releases[0].sensitivity / kDivisor));
}

// The check above notices a noise that is 0.3 per cent too small or too large.
TEST(ReleasedNoise, CheckDetectsAWrongStandardDeviation) {
  for (const double wrong : {1.003, 1.0 / 1.003}) {
    Setting setting = settings()[0];
    setting.noise_multiplier *= wrong;
    Release release(setting, 30);
    EXPECT_FALSE(within(measured(release), settings()[0].noise_multiplier * kBounds[0] / kDivisor));
  }
}

// 9000 draws per tensor and step: standard error 0.75 per cent; five of them over 4 * 200 figures, false alarm 5e-4.
TEST(ReleasedNoise, IsPresentInEveryStep) {
  Release release(settings()[0], 40);
  const double expected = settings()[0].noise_multiplier * kBounds[0] / kDivisor;
  for (int step = 0; step < 200; ++step) {
    for (const Tensor& value : release.step()) {
      const double stddev = std::sqrt(value.to(at::kDouble).square().mean().item<double>());
      ASSERT_NEAR(stddev / expected, 1.0, 0.0375) << "step " << step;
    }
  }
}

// Correlations of 5e5 pairs each have a standard error of 1.4e-3; 4.5 of them over 23 figures, false alarm 2e-4.
TEST(ReleasedNoise, IsIndependentAcrossStepsAndTensors) {
  Release release(settings()[0], 50);
  constexpr int kSteps = 56;
  constexpr int64_t kCommon = 9000;  // leading elements that every tensor has
  std::vector<Tensor> by_step;       // [tensor, element]
  for (int step = 0; step < kSteps; ++step) {
    std::vector<Tensor> rows;
    for (const Tensor& value : release.step()) rows.push_back(value.reshape({-1}).slice(0, 0, kCommon).to(at::kDouble));
    by_step.push_back(at::stack(rows));
  }
  const Tensor noise = at::stack(by_step);  // [step, tensor, element]
  const auto independent = [](const Tensor& a, const Tensor& b) {
    const double correlation = ((a * b).sum() / (a.norm() * b.norm())).item<double>();
    return std::abs(correlation) * std::sqrt(static_cast<double>(a.numel())) <= 4.5;
  };
  for (int64_t t = 0; t < 4; ++t) {
    const Tensor of = noise.select(1, t);
    for (const int64_t lag : {1, 2, 7}) EXPECT_TRUE(independent(of.slice(0, lag), of.slice(0, 0, kSteps - lag)));
    for (int64_t u = 0; u < t; ++u) EXPECT_TRUE(independent(of, noise.select(1, u)));
  }
  for (const int64_t lag : {1, 2, 3, 4, 8}) {
    EXPECT_TRUE(independent(noise.slice(2, lag), noise.slice(2, 0, kCommon - lag)));
  }
  EXPECT_FALSE(independent(noise, noise));  // the check can fail
}

TEST(Release, AddsNoiseToTheSumAndDividesByTheDivisor) {
  const Setting setting{WeightRule::flat(0.37), {}, 1e-9};
  Release release(setting);
  std::vector<Tensor> sums;
  for (const NamedParameter& parameter : Release::parameters())
    sums.push_back(at::randn_like(parameter.tensor).detach());
  std::vector<Tensor> copies;
  for (const Tensor& sum : sums) copies.push_back(sum.clone());
  const PrivateGradient gradient = release.release(ClippedSumTestAccess::make(sums, 0.37));
  for (size_t p = 0; p < copies.size(); ++p) {
    EXPECT_TRUE(gradient.values()[p].allclose(copies[p] / static_cast<double>(kDivisor), 1e-6, 1e-8));
    EXPECT_EQ(gradient.values()[p].scalar_type(), copies[p].scalar_type());
  }
}

// The draw depends on key, step and tensor alone: the same noise lies on any sum, so C only scales what is released.
TEST(Release, ClipNormScalesTheRelease) {
  const auto released = [](double clip_norm) {
    Release release({WeightRule::psac(clip_norm), {}, 1.1}, 60);
    std::vector<Tensor> sums;
    at::manual_seed(9);
    for (const NamedParameter& parameter : Release::parameters()) {
      sums.push_back(at::randn_like(parameter.tensor).detach() * clip_norm);
    }
    return release.release(ClippedSumTestAccess::make(sums, clip_norm)).values();
  };
  const auto one = released(1.0);
  const auto scaled = released(0.25);
  for (size_t p = 0; p < one.size(); ++p) EXPECT_TRUE(scaled[p].allclose(0.25 * one[p], 1e-5, 1e-7));
}

TEST(Release, ChargesExactlyOneStepEach) {
  Release release(settings()[0]);
  for (int64_t step = 0; step < 5; ++step) {
    EXPECT_EQ(release.ledger().next_step(), step);
    release.step();
  }
  EXPECT_EQ(privacy::read_ledger(release.ledger_path()).last_step, 4);
}

TEST(Release, RefusesAnotherKeyThanTheLedgersIncarnation) {
  Release release(settings()[0], 70);
  GaussianMechanism other =
      GaussianMechanismTestAccess::make({0.01, {1.3}}, kDivisor, SecretKey::insecure_for_tests(71));
  EXPECT_THROW(other.release(release.clipper().take(), release.ledger()), LedgerError);
  EXPECT_EQ(release.ledger().next_step(), 0);
}

TEST(Release, RefusesBadDivisorsAndEvents) {
  const auto make = [](double rate, double noise_multiplier, int64_t divisor) {
    return GaussianMechanismTestAccess::make({rate, {noise_multiplier}}, divisor, SecretKey::insecure_for_tests(1));
  };
  EXPECT_NO_THROW(make(0.1, 1.0, 1));
  EXPECT_THROW(make(0.1, 1.0, 0), UsageError);
  EXPECT_THROW(make(0.1, 1.0, -3), UsageError);
  for (const double bad : {-1.0, std::numeric_limits<double>::quiet_NaN(), std::numeric_limits<double>::infinity()}) {
    EXPECT_THROW(make(0.1, bad, 1), UsageError);
    EXPECT_THROW(make(bad, 1.0, 1), UsageError);
  }
  EXPECT_THROW(make(1.5, 1.0, 1), UsageError);
}

}  // namespace
}  // namespace sotto::optim

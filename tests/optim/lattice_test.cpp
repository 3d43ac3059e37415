// The release on a lattice: integers before the noise, integers after it, and what is charged for them.

#include <sotto/optim/mechanism_replays.h>
#include <sotto/optim/neighbour_replay.h>
#include <sotto/optim/noise_check.h>
#include <sotto/privacy/accountant.h>

#include <cmath>
#include <limits>

#include "lattice_access.h"
#include "private_training_fixture.h"

namespace sotto::optim {
namespace {

using Integers = std::vector<std::int64_t>;

constexpr double kNorm = 4194304;  // D

TapeOptions one_by_one() {
  TapeOptions options;
  options.fallback = Fallback::per_record;
  return options;
}

class LatticeTest : public PrivateTrainingTest {
 protected:
  static Overrides discrete() {
    Overrides overrides;
    overrides.plan.noise = privacy::Noise::discrete;
    return overrides;
  }

  // The sum over a batch, before noise.
  static Integers sum_of(Clipper& clipper, const std::vector<Tensor>& batch, const Losses& losses) {
    LatticeSum sum(clipper);
    if (batch[0].size(0) > 0) sum.add(clipper, batch, losses, {});
    return LatticeSumTestAccess::integers(sum);
  }
  static std::vector<Tensor> first(const std::vector<Tensor>& batch, int64_t count) {
    return {batch[0].slice(0, 0, count), batch[1].slice(0, 0, count)};
  }
};

__extension__ using WideMove = __int128;

bool within_the_bound(const Integers& a, const Integers& b) {
  WideMove square = 0;
  for (size_t j = 0; j < a.size(); ++j) {
    const WideMove moved = WideMove{a[j]} - b[j];
    square += moved * moved;
  }
  return square <= WideMove{1} << 44;
}

// Autograd alone, one record at a time, rounded here: with a bound that no gradient reaches every weight is 1.
TEST_F(LatticeTest, SumIsThatOfRoundedGradientsOfSingleRecords) {
  constexpr double kBound = 64;
  auto net = network();
  const std::vector<Tensor> batch = first(data(), 9);
  Integers expected;
  for (int64_t i = 0; i < 9; ++i) {
    const Tensor loss = losses_of(net)({batch[0].slice(0, i, i + 1), batch[1].slice(0, i, i + 1)});
    const auto gradients = torch::autograd::grad({loss}, net->parameters(), {torch::ones({1})});
    const Tensor flat =
        torch::cat({gradients[0].flatten(), gradients[1].flatten(), gradients[2].flatten(), gradients[3].flatten()});
    expected.resize(static_cast<size_t>(flat.numel()));
    for (int64_t j = 0; j < flat.numel(); ++j)
      expected[static_cast<size_t>(j)] +=
          static_cast<std::int64_t>(std::trunc(std::ldexp(static_cast<double>(flat[j].item<float>()), 16)));
  }
  Clipper clipper(trainable_parameters(*net), {}, WeightRule::flat(kBound), {}, one_by_one());
  const Integers found = sum_of(clipper, batch, losses_of(net));
  ASSERT_EQ(found.size(), 4u * 8 + 8 + 8 * 3 + 3);
  EXPECT_EQ(found, expected);
}

// Whatever a record is: large, tiny, not a number.
TEST_F(LatticeTest, OneRecordMovesTheSumByAtMostDInIntegers) {
  auto net = network();
  const std::vector<Tensor> rest = first(data(), 6);
  for (const WeightRule& rule : {WeightRule::psac(0.5), WeightRule::flat(0.1), WeightRule::auto_s(2.0),
                                 WeightRule::nsgd(1e-6), WeightRule::flat(1e6)}) {
    Clipper clipper(trainable_parameters(*net), {}, rule, {}, one_by_one());
    const Integers without = sum_of(clipper, rest, losses_of(net));
    for (const double factor : {1.0, 1e6, 1e30, 1e-30, std::numeric_limits<double>::quiet_NaN()}) {
      const Tensor more = data()[0].slice(0, 6, 7) * factor;
      const std::vector<Tensor> batch{torch::cat({rest[0], more}), data()[1].slice(0, 0, 7)};
      const Integers with = sum_of(clipper, batch, losses_of(net));
      EXPECT_TRUE(within_the_bound(with, without)) << rule.name() << ", times " << factor;
      if (std::isnan(factor)) {
        EXPECT_EQ(with, without);
      }
    }
    for (const float loss : {1e20f, 1e-20f}) {
      const Losses scaled = [&](const std::vector<Tensor>& inputs) { return losses_of(net)(inputs) * loss; };
      EXPECT_TRUE(within_the_bound(sum_of(clipper, first(data(), 1), scaled), Integers(without.size(), 0)));
    }
  }
}

// A record of the whole bound is not rounded away: most of D arrives.
TEST_F(LatticeTest, ALargeRecordUsesTheBoundUp) {
  auto net = network();
  Clipper clipper(trainable_parameters(*net), {}, WeightRule::flat(1e-3), {}, one_by_one());
  double square = 0;
  for (const std::int64_t x : sum_of(clipper, first(data(), 1), losses_of(net)))
    square += static_cast<double>(x) * static_cast<double>(x);
  EXPECT_GT(std::sqrt(square), 0.9999 * kNorm);
  EXPECT_LE(std::sqrt(square), kNorm);
}

// The order of records, and what they share a batch with, changes no integer.
TEST_F(LatticeTest, PhysicalBatchesAndPaddingChangeNothing) {
  auto net = network();
  const std::vector<Tensor> batch = first(data(), 8);
  Clipper clipper(trainable_parameters(*net), {}, WeightRule::psac(0.5), {}, one_by_one());
  const Integers whole = sum_of(clipper, batch, losses_of(net));
  LatticeSum parts(clipper);
  parts.add(clipper, {batch[0].slice(0, 5, 8), batch[1].slice(0, 5, 8)}, losses_of(net), {true, true, true});
  parts.add(clipper, {batch[0].slice(0, 0, 6), batch[1].slice(0, 0, 6)}, losses_of(net),
            {true, true, true, true, true, false});
  EXPECT_EQ(LatticeSumTestAccess::integers(parts), whole);
}

// released * divisor / step is an integer, for every element, of float as of double parameters.
TEST_F(LatticeTest, EverythingThatIsReleasedLiesOnTheGrid) {
  for (const auto dtype : {torch::kDouble, torch::kFloat}) {
    auto net = network(dtype);
    torch::optim::SGD optimizer(net->parameters(), 0.1);
    Overrides overrides = discrete();
    overrides.plan.noise_multiplier = 0.5;
    overrides.rule = WeightRule::flat(0.5);
    PrivateTraining training(*net, optimizer, tensor_records(data(kRecords, dtype)),
                             options(overrides, dtype == torch::kFloat ? "float.jsonl" : "double.jsonl"));
    const double grid = 0.5 / kNorm / 40;  // S / D / divisor
    int64_t looked_at = 0, not_zero = 0;
    for (int step = 0; step < 3; ++step) {
      training.compute_gradient(losses_of(net));
      for (const Tensor& parameter : net->parameters()) {
        const Tensor gradient = parameter.grad().to(torch::kDouble).contiguous();
        for (int64_t j = 0; j < gradient.numel(); ++j) {
          const double value = gradient.const_data_ptr<double>()[j], integer = std::round(value / grid);
          ++looked_at;
          not_zero += integer != 0;
          if (dtype == torch::kDouble) {
            EXPECT_NEAR(value / grid, integer, 1e-6);
          } else {
            EXPECT_EQ(static_cast<float>(value), static_cast<float>(integer * grid));
          }
        }
      }
      training.update();
    }
    EXPECT_EQ(looked_at, 3 * 67);
    EXPECT_EQ(not_zero, looked_at);
  }
}

// Of a run without records: noise alone. The variance of 300 000 draws is known to 0.26 per cent; six of that, and of
// the mean, and of products that vanish, have false alarms of 2e-9 each.
TEST_F(LatticeTest, NoiseOfARunWithoutRecordsIsTheDiscreteGaussian) {
  const Tensor parameter = torch::zeros({300, 250}, torch::kDouble).requires_grad_();
  const Tensor other = torch::zeros({75'000}, torch::kDouble).requires_grad_();
  const std::vector<NamedParameter> parameters{{"a", parameter}, {"b", other}};
  const double sigma = 1.3, divisor = 40;
  Clipper clipper(parameters, {}, WeightRule::flat(0.37), {}, one_by_one());
  privacy::SecretKey key = privacy::SecretKey::insecure_for_tests(3);
  privacy::LedgerHeader header;
  header.adjacency = privacy::Adjacency::add_remove;
  header.dataset_size = 4800;
  header.delta = 1e-5;
  header.event = privacy::step_of(privacy::Noise::discrete, 0.01, sigma);
  header.sensitivity = 0.37;
  header.steps = 10;
  header.weight_rule = "any";
  header.accountant_name = "certified";
  header.accountant_version = "1";
  privacy::Ledger ledger = privacy::Ledger::create(
      path(), header, {key.commitment(), privacy::SecretKey::insecure_for_tests(4).commitment(), false});
  const double s = std::sqrt(static_cast<double>(header.event.lattice->variance));
  EXPECT_NEAR(s / kNorm, sigma, 1e-12);
  const LatticeMechanism mechanism = LatticeMechanismTestAccess::make(header.event, 40, std::move(key));
  std::vector<double> draws;
  for (int step = 0; step < 2; ++step) {
    const PrivateGradient released = mechanism.release(LatticeSum(clipper), ledger);
    ASSERT_EQ(released.values()[0].sizes(), parameter.sizes());
    for (const Tensor& value : released.values())
      for (int64_t j = 0; j < value.numel(); ++j)
        draws.push_back(value.const_data_ptr<double>()[j] * divisor * kNorm / 0.37 / s);
  }
  ASSERT_EQ(draws.size(), 300'000u);
  double sum = 0, squares = 0, beyond = 0, neighbours = 0, tensors = 0, steps = 0;
  for (size_t i = 0; i < draws.size(); ++i) {
    sum += draws[i];
    squares += draws[i] * draws[i];
    beyond += std::abs(draws[i]) > 2;
    if (i > 0) neighbours += draws[i] * draws[i - 1];
    if (i + 75'000 < draws.size()) tensors += draws[i] * draws[i + 75'000];
    if (i + 150'000 < draws.size()) steps += draws[i] * draws[i + 150'000];
  }
  const double n = 300'000, p = std::erfc(std::sqrt(2.0));
  EXPECT_LT(std::abs(sum) / std::sqrt(n), 6);
  EXPECT_LT(std::abs(squares - n) / std::sqrt(2 * n), 6);
  EXPECT_LT(std::abs(beyond - p * n) / std::sqrt(p * (1 - p) * n), 6);
  EXPECT_LT(std::abs(neighbours) / std::sqrt(n), 6);
  EXPECT_LT(std::abs(tensors) / std::sqrt(n), 6);
  EXPECT_LT(std::abs(steps) / std::sqrt(n / 2), 6);
  EXPECT_EQ(ledger.contents().steps_charged(), 2);
}

TEST_F(LatticeTest, LedgerHoldsTheIntegersAndEpsilonIsThatOfRenyiAccounting) {
  auto net = network();
  torch::optim::SGD optimizer(net->parameters(), 0.1);
  Overrides overrides = discrete();
  overrides.plan.noise_multiplier = 1.1;
  PrivateTraining training(*net, optimizer, tensor_records(data()), options(overrides));
  while (!training.finished()) training.step(losses_of(net));
  const privacy::LedgerContents ledger = privacy::read_ledger(path());
  ASSERT_TRUE(ledger.header.event.lattice);
  EXPECT_EQ(ledger.header.event.lattice->squared_norm, std::uint64_t{1} << 44);
  // ceil(1.1^2 2^44) of the double 1.1, which is a little above 1.1.
  EXPECT_EQ(ledger.header.event.lattice->variance, 21286545113744u);
  EXPECT_GE(ledger.header.event.mechanism.noise_multiplier, 1.1);
  EXPECT_EQ(ledger.releases.size(), 1u);
  EXPECT_EQ(ledger.steps_charged(), 6);
  const privacy::Event step = privacy::SampledDiscreteGaussian{0.2, ledger.header.event.mechanism.noise_multiplier};
  const auto rdp = privacy::make_accountant(privacy::Method::rdp,
                                            {privacy::Adjacency::add_remove, {}, privacy::SelfComposed(step, 6)});
  EXPECT_EQ(training.epsilon(), rdp->epsilon(1e-5).upper);
  const privacy::Phases normal{{{0.2, {1.1}}, 6}};
  EXPECT_GT(training.epsilon(),
            privacy::certified_epsilon({privacy::Adjacency::add_remove, {}, normal}, 1e-5).bracket.upper);
}

TEST_F(LatticeTest, RunIsResumedWithItsOwnKindOfNoiseAlone) {
  auto net = network();
  torch::optim::SGD optimizer(net->parameters(), 0.1);
  {
    PrivateTraining training(*net, optimizer, tensor_records(data()), options(discrete()));
    training.step(losses_of(net));
  }
  Overrides other;
  other.resume = true;
  other.seed = 8;
  EXPECT_THROW(PrivateTraining(*net, optimizer, tensor_records(data()), options(other)), LedgerError);
  other = discrete();
  other.resume = true;
  other.seed = 8;
  other.plan.noise_multiplier = 1.0000001;
  EXPECT_THROW(PrivateTraining(*net, optimizer, tensor_records(data()), options(other)), LedgerError);
  other.plan.noise_multiplier = 1.0;
  PrivateTraining again(*net, optimizer, tensor_records(data()), options(other));
  again.step(losses_of(net));
  EXPECT_EQ(again.steps_charged(), 2);
}

// The optimizers whose ordinary step draws its noise in one pass over memory.
TEST_F(LatticeTest, EveryOptimizerGetsTheReleasedGradient) {
  auto net = network();
  torch::optim::Adam optimizer(net->parameters(), 0.01);
  PrivateTraining training(*net, optimizer, tensor_records(data()), options(discrete()));
  const Parameters before = values(net);
  training.step(losses_of(net));
  EXPECT_FALSE(flat(values(net)).equal(flat(before)));
  for (const Tensor& parameter : net->parameters()) EXPECT_TRUE(parameter.grad().defined());
}

TEST_F(LatticeTest, EmptyStepsAreNoisedAndCharged) {
  auto net = network();
  torch::optim::SGD optimizer(net->parameters(), 0.1);
  PrivateTraining training(*net, optimizer, tensor_records(data(0)), options(discrete()));
  training.compute_gradient(losses_of(net));
  for (const Tensor& parameter : net->parameters()) EXPECT_GT(parameter.grad().abs().min().item<float>(), 0);
  EXPECT_EQ(training.steps_charged(), 1);
}

TEST_F(LatticeTest, MeanOfVectorsIsReleasedOnTheLatticeToo) {
  auto net = network();
  torch::optim::SGD optimizer(net->parameters(), 0.1);
  Overrides overrides = discrete();
  overrides.plan.noise_multiplier = 1e-3;
  overrides.rule = WeightRule::flat(2);
  PrivateTraining training(*net, optimizer, tensor_records(data()), options(overrides));
  const Vectors vectors = [](const std::vector<Tensor>& inputs) {
    const Tensor zero = inputs[0] * 0;
    return torch::cat({zero.slice(1, 0, 1) + 1, zero.slice(1, 1, 3)}, 1);
  };
  const Tensor mean = training.mean(vectors, 3, 1.0);
  EXPECT_NEAR(mean[0].item<float>(), 1, 0.85);  // 40 expected draws, give or take 5.7: six times that
  EXPECT_LT(mean[1].abs().item<float>(), 1e-2);
  EXPECT_EQ(training.steps_charged(), 1);
}

TEST_F(LatticeTest, AuditsFindNothing) {
  auto net = network();
  AuditedTraining audited{
      .parameters = trainable_parameters(*net), .options = options(discrete()), .losses = losses_of(net)};
  audited.options.inputs = {{.sizes = {4}, .low = -1}, {.sizes = {}, .dtype = at::kLong, .vocabulary = 3}};
  const std::vector<AuditFinding> replayed = replay_neighbours(audited, 1);
  EXPECT_EQ(replayed.size(), 14u);
  for (const AuditFinding& finding : replayed) EXPECT_TRUE(finding.holds) << finding.subject << ": " << finding.text;
  for (const AuditFinding& finding : check_noise(audited, 20'000))
    EXPECT_TRUE(finding.holds) << finding.subject << ": " << finding.text;
}

TEST_F(LatticeTest, RefusesWhatItCannotBe) {
  auto net = network();
  torch::optim::SGD optimizer(net->parameters(), 0.1);
  const auto clipper = [&] { return Clipper(trainable_parameters(*net), {}, WeightRule::flat(1), {}, one_by_one()); };
  const auto mechanism = [](const privacy::StepEvent& event, int64_t divisor) {
    return LatticeMechanismTestAccess::make(event, divisor, privacy::SecretKey::insecure_for_tests(1));
  };
  EXPECT_THROW(mechanism(privacy::PoissonSampled{0.1, {1}}, 1), UsageError);
  EXPECT_THROW(mechanism(privacy::lattice_step(0.1, {1u << 20, 1u << 20}), 1), UsageError) << "another lattice";
  EXPECT_THROW(mechanism(privacy::step_of(privacy::Noise::discrete, 0.1, 1), 0), UsageError);
  // A clipper that runs records together refuses batches of one.
  Clipper together(trainable_parameters(*net), {}, WeightRule::flat(1));
  LatticeSum sum(together);
  EXPECT_THROW(sum.add(together, first(data(), 3), losses_of(net), {}), UsageError);
  EXPECT_NO_THROW(clipper());
}

}  // namespace
}  // namespace sotto::optim

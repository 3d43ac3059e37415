// What private training charges to its ledger, and with whose keys it draws.

#include <sotto/privacy/accountant.h>
#include <sys/resource.h>

#include <algorithm>
#include <csignal>

#include "private_training_fixture.h"

namespace sotto::optim {
namespace {

TEST_F(PrivateTrainingTest, StopsWhenThePlanIsSpent) {
  auto net = network();
  torch::optim::SGD optimizer(net->parameters(), 0.1);
  PrivateTraining training(*net, optimizer, tensor_records(data()), options());
  while (!training.finished()) training.step(losses_of(net));
  const Parameters before = values(net);
  EXPECT_THROW(training.step(losses_of(net)), BudgetExhausted);
  EXPECT_THROW(training.compute_gradient(losses_of(net)), BudgetExhausted);
  EXPECT_THROW(training.update(), UsageError);
  EXPECT_TRUE(flat(values(net)).equal(flat(before)));
  EXPECT_EQ(training.steps_charged(), 6);
}

TEST_F(PrivateTrainingTest, EpsilonIsTheAccountantsForTheStepsCharged) {
  auto net = network();
  torch::optim::SGD optimizer(net->parameters(), 0.1);
  PrivateTraining training(*net, optimizer, tensor_records(data()), options());
  EXPECT_EQ(training.epsilon(), 0.0);
  const privacy::PoissonSampled event{0.2, {1.0}};
  for (int64_t step = 1; !training.finished(); ++step) {
    training.step(losses_of(net));
    const privacy::AccountedEvents charged{privacy::Adjacency::add_remove, {}, privacy::Phases{{event, step}}};
    EXPECT_EQ(training.epsilon(),
              std::min(training.plan().epsilon(), privacy::certified_epsilon(charged, 1e-5).bracket.upper));
  }
  EXPECT_EQ(training.epsilon(), training.plan().epsilon());
}

TEST_F(PrivateTrainingTest, LedgerCarriesThePlanAndTheBoundOfTheRule) {
  auto net = network();
  torch::optim::SGD optimizer(net->parameters(), 0.1);
  Overrides overrides;
  overrides.rule = WeightRule::flat_per_group({0.3, 0.4});
  PrivateTraining training(*net, optimizer, tensor_records(data()), options(overrides));
  training.step(losses_of(net));
  const privacy::LedgerContents ledger = privacy::read_ledger(path());
  EXPECT_NEAR(ledger.header.sensitivity, 0.5, 1e-12);
  EXPECT_EQ(ledger.header.dataset_size, kRecords);
  EXPECT_EQ(ledger.header.steps, 6);
  EXPECT_EQ(ledger.header.event.sampling_rate, 0.2);
  EXPECT_EQ(ledger.header.event.mechanism.noise_multiplier, 1.0);
  EXPECT_FALSE(ledger.header.keys_are_secret);
  EXPECT_FALSE(training.is_private());
}

// A ledger that cannot be written: nothing is released.
TEST_F(PrivateTrainingTest, WithoutAChargeThereIsNoGradient) {
  auto net = network();
  torch::optim::SGD optimizer(net->parameters(), 0.1);
  PrivateTraining training(*net, optimizer, tensor_records(data()), options());
  const Parameters before = values(net);
  rlimit saved{};
  ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &saved), 0);
  const auto handler = std::signal(SIGXFSZ, SIG_IGN);
  rlimit full = saved;
  full.rlim_cur = static_cast<rlim_t>(std::filesystem::file_size(path()));
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &full), 0);
  std::string message;
  try {
    training.step(losses_of(net));
  } catch (const IoError& error) {
    message = error.what();
  }
  ::setrlimit(RLIMIT_FSIZE, &saved);
  std::signal(SIGXFSZ, handler);
  EXPECT_NE(message, "");
  for (const Tensor& parameter : net->parameters()) EXPECT_FALSE(parameter.grad().defined());
  EXPECT_TRUE(flat(values(net)).equal(flat(before)));
  EXPECT_THROW(training.update(), UsageError);
  EXPECT_THROW(training.step(losses_of(net)), Error);  // a ledger that failed once stays closed
}

TEST_F(PrivateTrainingTest, ResumesWithItsOwnPlanOnly) {
  auto net = network();
  torch::optim::SGD optimizer(net->parameters(), 0.1);
  const auto start = [&](const Overrides& overrides) {
    return PrivateTraining(*net, optimizer, tensor_records(data()), options(overrides));
  };
  start({}).step(losses_of(net));
  EXPECT_THROW(start({}), LedgerError);  // exists already
  Overrides resumed;
  resumed.resume = true;
  {
    PrivateTraining training = start(resumed);
    EXPECT_EQ(training.steps_charged(), 1);
    training.step(losses_of(net));
    EXPECT_EQ(training.steps_charged(), 2);
  }
  const std::vector<std::pair<const char*, std::function<void(Overrides&)>>> others = {
      {"steps", [](Overrides& o) { o.plan.steps = 7; }},
      {"noise multiplier", [](Overrides& o) { o.plan.noise_multiplier = 1.1; }},
      {"delta", [](Overrides& o) { o.plan.delta = 1e-6; }},
      {"dataset size", [](Overrides& o) { o.plan.dataset_size = 400, o.plan.expected_batch_size = 80; }},
      {"batch size", [](Overrides& o) { o.plan.expected_batch_size = 20; }},
      {"adjacency", [](Overrides& o) { o.plan.adjacency = privacy::Adjacency::zero_out; }},
      {"bound", [](Overrides& o) { o.rule = WeightRule::psac(0.6); }},
      {"rule", [](Overrides& o) { o.rule = WeightRule::flat(0.5); }},
      {"parameter of the rule", [](Overrides& o) { o.rule = WeightRule::psac(0.5, 0.2); }}};
  for (const auto& [name, change] : others) {
    Overrides other = resumed;
    change(other);
    EXPECT_THROW(start(other), LedgerError) << name;
  }
  EXPECT_EQ(start(resumed).steps_charged(), 2);
  Overrides missing = resumed;
  EXPECT_THROW(PrivateTraining(*net, optimizer, tensor_records(data()), options(missing, "no such run")), Error);
}

// Two starts of the program draw different keys: the same step on the same (empty) sum gets other noise in every
// element, in another run as in a resumed one.
TEST_F(PrivateTrainingTest, IncarnationsDrawDifferentNoise) {
  Overrides overrides;
  overrides.plan.dataset_size = 1'000'000'000'000;
  overrides.plan.expected_batch_size = 1;
  overrides.seed = std::nullopt;
  std::vector<Tensor> drawn;
  const auto draw = [&](const std::string& name, bool resume) {
    auto net = network();
    torch::optim::SGD optimizer(net->parameters(), 0.1);
    overrides.resume = resume;
    PrivateTraining training(*net, optimizer, tensor_records(data()), options(overrides, name));
    EXPECT_TRUE(training.is_private());
    training.compute_gradient(losses_of(net));
    drawn.push_back(flat(gradients(net)));
  };
  draw("one", false);
  draw("two", false);
  draw("one", true);
  for (size_t a = 0; a < drawn.size(); ++a) {
    for (size_t b = 0; b < a; ++b) {
      // 67 floats: a chance of about 1e-5 that any two of them agree.
      EXPECT_TRUE((drawn[a] != drawn[b]).all().item<bool>());
    }
  }
  const auto ledger = privacy::read_ledger(path("one"));
  ASSERT_EQ(ledger.incarnations.size(), 2u);
  EXPECT_NE(ledger.incarnations[0].noise_key, ledger.incarnations[1].noise_key);
  EXPECT_TRUE(ledger.header.keys_are_secret);
}

TEST_F(PrivateTrainingTest, RefusesADeltaThatTheMissingTailWouldReach) {
  auto net = network();
  torch::optim::SGD optimizer(net->parameters(), 0.1);
  Overrides overrides;
  overrides.plan.delta = 1e-18;  // 67 parameters, 6 steps: 67 * 6 * 2^-76 = 5e-21, times 1 + e^epsilon
  const std::string message =
      refusal([&] { PrivateTraining(*net, optimizer, tensor_records(data()), options(overrides)); });
  EXPECT_TRUE(contains(message, "tail")) << message;
  overrides.plan.delta = 1e-10;
  EXPECT_NO_THROW(PrivateTraining(*net, optimizer, tensor_records(data()), options(overrides)));
}

TEST_F(PrivateTrainingTest, RefusesBadOptions) {
  auto net = network();
  torch::optim::SGD optimizer(net->parameters(), 0.1);
  for (const int64_t bad : {0, -1}) {
    refusal([&] { PrivateTraining(*net, optimizer, tensor_records(data()), options({.physical_batch = bad})); });
  }
  refusal([&] {
    PrivateTraining(*net, optimizer, tensor_records(data()),
                    options({.rule = WeightRule::flat_per_group({1.0, 1.0, 1.0})}));
  });
  EXPECT_THROW(tensor_records({}), UsageError);
  EXPECT_THROW(tensor_records({torch::zeros({3}), torch::zeros({4})}), UsageError);
  EXPECT_THROW(tensor_records({torch::zeros({})}), UsageError);
  EXPECT_THROW(tensor_records({Tensor()}), UsageError);
}

TEST_F(PrivateTrainingTest, FrozenParametersStayAsTheyAre) {
  auto net = network();
  net->parameters()[0].requires_grad_(false);
  net->parameters()[1].requires_grad_(false);
  const Parameters before = values(net);
  torch::optim::SGD optimizer(net->parameters(), 0.1);
  PrivateTraining training(*net, optimizer, tensor_records(data()), options());
  training.step(losses_of(net));
  EXPECT_TRUE(values(net)[0].equal(before[0]));
  EXPECT_FALSE(net->parameters()[0].grad().defined());
  EXPECT_FALSE(values(net)[2].equal(before[2]));
}

}  // namespace
}  // namespace sotto::optim

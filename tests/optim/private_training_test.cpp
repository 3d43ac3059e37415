// A private training run as a user drives it: which optimizers work, what is checked before each update, and what is
// charged.

#include <gtest/gtest.h>
#include <sotto/optim/private_training.h>
#include <sotto/privacy/error.h>
#include <sotto/privacy/rdp_accountant.h>
#include <sys/resource.h>
#include <torch/torch.h>

#include <csignal>
#include <functional>
#include <stdexcept>

#include "../support/scratch_folder.h"
#include "clipped_sum_access.h"

namespace sotto::optim {
namespace {

using sotto::testing::ScratchFolder;
using torch::Tensor;
using Parameters = std::vector<Tensor>;
namespace nn = torch::nn;
namespace F = torch::nn::functional;

constexpr int64_t kRecords = 200;

privacy::PrivacyPlanOptions plan_options() {
  return {.adjacency = privacy::Adjacency::add_remove,
          .dataset_size = kRecords,
          .expected_batch_size = 40,
          .steps = 6,
          .delta = 1e-5,
          .noise_multiplier = 1.0};
}

nn::Sequential network(torch::Dtype dtype = torch::kFloat) {
  torch::manual_seed(1);
  nn::Sequential net(nn::Linear(4, 8), nn::Tanh(), nn::Linear(8, 3));
  net->to(dtype);
  return net;
}

std::vector<Tensor> data(int64_t count = kRecords, torch::Dtype dtype = torch::kFloat) {
  torch::manual_seed(2);
  const Tensor labels = torch::randint(0, 3, {kRecords + 1});
  const Tensor features = torch::randn({kRecords + 1, 4}) + labels.unsqueeze(1);
  return {features.slice(0, 0, count).to(dtype), labels.slice(0, 0, count)};
}

Losses losses_of(nn::Sequential net) {
  return [net](const std::vector<Tensor>& batch) mutable {
    return F::cross_entropy(net->forward(batch[0]), batch[1], F::CrossEntropyFuncOptions().reduction(torch::kNone));
  };
}

struct Overrides {
  privacy::PrivacyPlanOptions plan = plan_options();
  WeightRule rule = WeightRule::psac(0.5);
  bool resume = false;
  int64_t physical_batch = 16;
  std::optional<std::uint64_t> seed = 7;
};

class PrivateTrainingTest : public ::testing::Test {
 protected:
  PrivateTrainingTest() { at::set_num_threads(1); }  // the models are too small to share
  PrivateTrainingOptions options(const Overrides& overrides = {}, const std::string& name = "ledger.jsonl") const {
    PrivateTrainingOptions result{
        .plan = privacy::PrivacyPlan(overrides.plan), .rule = overrides.rule, .ledger = path(name)};
    result.resume = overrides.resume;
    result.physical_batch = overrides.physical_batch;
    result.insecure_test_seed = overrides.seed;
    return result;
  }
  std::filesystem::path path(const std::string& name = "ledger.jsonl") const { return folder_.path() / name; }

  // Constructs a run that must be refused, and expects that no ledger is left behind.
  template <class Error = UsageError>
  std::string refusal(const std::function<void()>& construct) const {
    std::string message;
    try {
      construct();
    } catch (const Error& error) {
      message = error.what();
    }
    EXPECT_NE(message, "") << "not refused";
    EXPECT_FALSE(std::filesystem::exists(path())) << "a refused run left a ledger";
    return message;
  }

  ScratchFolder folder_{ScratchFolder::memory()};
};

bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

Parameters gradients(const nn::Sequential& net) {
  Parameters result;
  for (const Tensor& parameter : net->parameters()) result.push_back(parameter.grad().clone());
  return result;
}
Parameters values(const nn::Sequential& net) {
  Parameters result;
  for (const Tensor& parameter : net->parameters()) result.push_back(parameter.detach().clone());
  return result;
}
Tensor flat(const Parameters& tensors) {
  Parameters parts;
  for (const Tensor& tensor : tensors) parts.push_back(tensor.to(torch::kDouble).reshape({-1}));
  return torch::cat(parts);
}

// Optimizers.

using MakeOptimizer = std::function<std::unique_ptr<torch::optim::Optimizer>(Parameters)>;

// Every optimizer without a closure does with the private gradient what it does with any gradient.
TEST_F(PrivateTrainingTest, WorksWithEveryOptimizerWithoutAClosure) {
  using namespace torch::optim;
  const std::vector<std::pair<std::string, MakeOptimizer>> optimizers = {
      {"sgd", [](Parameters p) { return std::make_unique<SGD>(p, SGDOptions(0.3)); }},
      {"momentum", [](Parameters p) { return std::make_unique<SGD>(p, SGDOptions(0.3).momentum(0.9)); }},
      {"adam", [](Parameters p) { return std::make_unique<Adam>(p, AdamOptions(0.01)); }},
      {"adamw", [](Parameters p) { return std::make_unique<AdamW>(p, AdamWOptions(0.01)); }},
      {"adagrad", [](Parameters p) { return std::make_unique<Adagrad>(p, AdagradOptions(0.01)); }},
      {"rmsprop", [](Parameters p) { return std::make_unique<RMSprop>(p, RMSpropOptions(0.01)); }}};
  for (const auto& [name, make] : optimizers) {
    auto net = network();
    auto twin = network();
    const auto optimizer = make(net->parameters());
    const auto twin_optimizer = make(twin->parameters());
    PrivateTraining training(*net, *optimizer, tensor_records(data()), options({}, name));
    while (!training.finished()) {
      const Parameters before = values(net);
      training.compute_gradient(losses_of(net));
      const Parameters released = gradients(net);
      for (size_t p = 0; p < released.size(); ++p) twin->parameters()[p].mutable_grad() = released[p].clone();
      training.update();
      twin_optimizer->step();
      EXPECT_TRUE(flat(values(net)).equal(flat(values(twin)))) << name;
      EXPECT_FALSE(flat(values(net)).equal(flat(before))) << name;
    }
    EXPECT_EQ(training.steps_charged(), 6) << name;
  }
}

TEST_F(PrivateTrainingTest, RefusesLbfgs) {
  auto net = network();
  torch::optim::LBFGS optimizer(net->parameters(), torch::optim::LBFGSOptions(1.0));
  const std::string message = refusal([&] { PrivateTraining(*net, optimizer, tensor_records(data()), options()); });
  EXPECT_TRUE(contains(message, "LBFGS")) << message;
}

TEST_F(PrivateTrainingTest, RefusesAnOptimizerWithAForeignParameter) {
  auto net = network();
  Parameters parameters = net->parameters();
  parameters.push_back(torch::zeros({2, 9}).requires_grad_());
  torch::optim::SGD optimizer(parameters, 0.1);
  const std::string message = refusal([&] { PrivateTraining(*net, optimizer, tensor_records(data()), options()); });
  EXPECT_TRUE(contains(message, "[2, 9]")) << message;
}

// A frozen parameter moves as well once something writes its .grad.
TEST_F(PrivateTrainingTest, RefusesAFrozenParameterThatHasAGradient) {
  auto net = network();
  Parameters parameters = net->parameters();
  parameters.push_back(torch::zeros({2, 9}));
  torch::optim::SGD optimizer(parameters, 0.1);
  PrivateTraining training(*net, optimizer, tensor_records(data()), options());
  training.step(losses_of(net));
  training.compute_gradient(losses_of(net));
  parameters.back().mutable_grad() = torch::ones({2, 9});
  EXPECT_THROW(training.update(), UsageError);
  EXPECT_TRUE(parameters.back().equal(torch::zeros({2, 9})));
}

TEST_F(PrivateTrainingTest, RefusesAnOptimizerWithoutAParameter) {
  auto net = network();
  Parameters parameters = net->parameters();
  parameters.pop_back();
  torch::optim::SGD optimizer(parameters, 0.1);
  const std::string message = refusal([&] { PrivateTraining(*net, optimizer, tensor_records(data()), options()); });
  EXPECT_TRUE(contains(message, "2.bias")) << message;
}

TEST_F(PrivateTrainingTest, NoticesAParameterAddedToTheOptimizerLater) {
  auto net = network();
  torch::optim::SGD optimizer(net->parameters(), 0.1);
  PrivateTraining training(*net, optimizer, tensor_records(data()), options());
  training.step(losses_of(net));
  optimizer.add_param_group(torch::optim::OptimizerParamGroup({torch::zeros({3}).requires_grad_()}));
  training.compute_gradient(losses_of(net));
  EXPECT_THROW(training.update(), UsageError);
}

// Gradients reach the optimizer as they were released.

TEST_F(PrivateTrainingTest, NoticesAGradientThatWasReplacedOrChanged) {
  const std::vector<std::pair<const char*, std::function<void(nn::Sequential)>>> tampering = {
      {"replaced", [](nn::Sequential net) { net->parameters()[1].mutable_grad() = torch::zeros({8}); }},
      {"equal copy",
       [](nn::Sequential net) { net->parameters()[1].mutable_grad() = net->parameters()[1].grad().clone(); }},
      {"removed", [](nn::Sequential net) { net->parameters()[0].mutable_grad() = Tensor(); }},
      {"zeroed", [](nn::Sequential net) { net->parameters()[3].grad().zero_(); }},
      {"scaled", [](nn::Sequential net) { net->parameters()[2].mutable_grad().mul_(0.5); }},
      {"part changed", [](nn::Sequential net) { net->parameters()[2].grad()[0].add_(1.0); }},
      {"through .data()", [](nn::Sequential net) { net->parameters()[2].grad().data().mul_(0.5); }},
      {"raw pointer", [](nn::Sequential net) { net->parameters()[2].grad().mutable_data_ptr<float>()[0] += 1.0f; }},
      {"clip_grad_norm_", [](nn::Sequential net) { nn::utils::clip_grad_norm_(net->parameters(), 1e-6); }},
      {"zero_grad", [](nn::Sequential net) { net->zero_grad(); }},
      {"backward", [](nn::Sequential net) { losses_of(net)(data()).sum().backward(); }}};
  for (const auto& [name, tamper] : tampering) {
    auto net = network();
    torch::optim::SGD optimizer(net->parameters(), 0.1);
    PrivateTraining training(*net, optimizer, tensor_records(data()), options({}, name));
    training.step(losses_of(net));
    training.compute_gradient(losses_of(net));
    const Parameters before = values(net);
    tamper(net);
    EXPECT_THROW(training.update(), UsageError) << name;
    EXPECT_TRUE(flat(values(net)).equal(flat(before))) << name;
  }
}

TEST_F(PrivateTrainingTest, RefusesAnUpdateWithoutAGradient) {
  auto net = network();
  torch::optim::SGD optimizer(net->parameters(), 0.1);
  PrivateTraining training(*net, optimizer, tensor_records(data()), options());
  EXPECT_THROW(training.update(), UsageError);
  training.compute_gradient(losses_of(net));
  EXPECT_NO_THROW(training.update());
  EXPECT_THROW(training.update(), UsageError);  // once each
}

// Batches.

TEST_F(PrivateTrainingTest, PhysicalBatchChangesRoundingOnly) {
  Tensor reference;
  for (const int64_t physical_batch : {1, 7, 64, 1000}) {
    auto net = network(torch::kDouble);
    torch::optim::SGD optimizer(net->parameters(), torch::optim::SGDOptions(0.5).momentum(0.9));
    PrivateTraining training(*net, optimizer, tensor_records(data(kRecords, torch::kDouble)),
                             options({.physical_batch = physical_batch}, std::to_string(physical_batch)));
    while (!training.finished()) training.step(losses_of(net));
    const Tensor result = flat(values(net));
    if (!reference.defined()) reference = result;
    // Weights are floats: a norm that differs in the last place may take the neighbouring one.
    EXPECT_LT((result - reference).abs().max().item<double>(), 1e-6) << physical_batch;
  }
}

TEST_F(PrivateTrainingTest, EmptyStepsAreNoisedAndCharged) {
  Overrides overrides;
  overrides.plan.dataset_size = 100'000'000;
  overrides.plan.expected_batch_size = 1;
  overrides.plan.steps = 300;
  auto net = network();
  torch::optim::SGD optimizer(net->parameters(), 0.1);
  PrivateTraining training(*net, optimizer, tensor_records(data()), options(overrides));
  int forward_passes = 0;
  Tensor last = torch::zeros({67}, torch::kDouble);
  while (!training.finished()) {
    training.compute_gradient([&](const auto& batch) {
      ++forward_passes;
      return losses_of(net)(batch);
    });
    const Tensor now = flat(gradients(net));
    ASSERT_TRUE((now != last).all().item<bool>());
    ASSERT_TRUE((now != 0).all().item<bool>());
    last = now;
    training.update();
  }
  EXPECT_EQ(forward_passes, 0);  // the chance of one record in 300 draws of 200 records is 6e-4; seeded
  EXPECT_EQ(training.steps_charged(), 300);
  EXPECT_EQ(privacy::read_ledger(path()).last_step, 299);
}

TEST_F(PrivateTrainingTest, NonFiniteRecordNeitherStopsNorPoisonsTheRun) {
  for (const bool planted : {false, true}) {
    auto records = data();
    if (planted) records[0][17].fill_(std::numeric_limits<float>::quiet_NaN());
    auto net = network();
    torch::optim::SGD optimizer(net->parameters(), 0.1);
    PrivateTraining training(*net, optimizer, tensor_records(records), options({}, planted ? "with" : "without"));
    while (!training.finished()) training.step(losses_of(net));
    EXPECT_EQ(training.steps_charged(), 6);
    EXPECT_TRUE(flat(values(net)).isfinite().all().item<bool>());
  }
}

// A fetch that fails in the middle of a batch leaves nothing that the next step could add to.
TEST_F(PrivateTrainingTest, FailedFetchLeavesNothingBehind) {
  Overrides overrides;
  overrides.plan.expected_batch_size = kRecords;  // every step takes every record, and equal seeds draw equal noise
  overrides.physical_batch = 64;
  const auto first_gradient = [&](bool fail, const std::string& name) {
    auto net = network();
    torch::optim::SGD optimizer(net->parameters(), 0.1);
    Records records = tensor_records(data());
    int calls = 0;
    records.fetch = [&, inner = records.fetch](const Tensor& indices) {
      if (fail && ++calls == 3) throw std::runtime_error("the disk is gone for a moment");
      return inner(indices);
    };
    PrivateTraining training(*net, optimizer, records, options(overrides, name));
    if (fail) {
      EXPECT_THROW(training.step(losses_of(net)), std::runtime_error);
      EXPECT_EQ(training.steps_charged(), 0);  // nothing was released
    }
    training.compute_gradient(losses_of(net));
    return flat(gradients(net));
  };
  const Tensor once = first_gradient(false, "once");
  EXPECT_TRUE(first_gradient(true, "twice").allclose(once, 1e-4, 1e-6));
}

// From the second step on the charge is under way while the step computes. A step that fails then leaves its charge to
// the call that repeats it: nothing is charged twice, and nothing less than every release.
TEST_F(PrivateTrainingTest, FailedStepLeavesItsChargeToTheNext) {
  auto net = network();
  torch::optim::SGD optimizer(net->parameters(), 0.1);
  Records records = tensor_records(data());
  bool fail = false;
  records.fetch = [&, inner = records.fetch](const Tensor& indices) {
    if (fail) throw std::runtime_error("the disk is gone for a moment");
    return inner(indices);
  };
  PrivateTraining training(*net, optimizer, records, options());
  int64_t steps = 0;
  for (; !training.finished(); ++steps) {
    fail = steps > 0;
    if (fail) {
      EXPECT_THROW(training.step(losses_of(net)), std::runtime_error);
      EXPECT_EQ(privacy::read_ledger(path()).last_step, steps);
      EXPECT_FALSE(training.finished());
    }
    fail = false;
    training.step(losses_of(net));
    EXPECT_EQ(training.steps_charged(), steps + 1);
  }
  EXPECT_EQ(steps, 6);
  EXPECT_EQ(privacy::read_ledger(path()).last_step, 5);
}

TEST_F(PrivateTrainingTest, RefusesFetchesOfAnotherSize) {
  auto net = network();
  torch::optim::SGD optimizer(net->parameters(), 0.1);
  Records records = tensor_records(data());
  records.fetch = [inner = records.fetch](const Tensor& indices) { return inner(indices.slice(0, 1)); };
  PrivateTraining training(*net, optimizer, records, options());
  EXPECT_THROW(training.step(losses_of(net)), UsageError);
}

// The same run on neighbouring data sets, with the same coins: same plan, same constants, same charges; the released
// gradients differ by at most S / divisor.
TEST_F(PrivateTrainingTest, OneMoreRecordChangesNothingButTheSum) {
  struct Outcome {
    Tensor gradient;
    privacy::LedgerContents ledger;
    double epsilon;
    double rate;
  };
  const auto run = [&](int64_t count) {
    auto net = network(torch::kDouble);
    torch::optim::SGD optimizer(net->parameters(), 0.1);
    Overrides overrides;
    overrides.plan.expected_batch_size = kRecords;  // every record is drawn, the additional one too
    const std::string name = std::to_string(count);
    PrivateTraining training(*net, optimizer, tensor_records(data(count, torch::kDouble)), options(overrides, name));
    training.compute_gradient(losses_of(net));
    return Outcome{flat(gradients(net)), privacy::read_ledger(path(name)), training.epsilon(),
                   training.plan().sampling_rate()};
  };
  const Outcome one = run(kRecords);
  const Outcome more = run(kRecords + 1);
  const double change = (one.gradient - more.gradient).norm().item<double>() * kRecords;
  EXPECT_LE(change, 0.5 * (1 + 1e-9));
  EXPECT_GT(change, 0.0);
  EXPECT_EQ(one.epsilon, more.epsilon);
  EXPECT_EQ(one.rate, more.rate);
  EXPECT_EQ(one.ledger.records, more.ledger.records);
  EXPECT_EQ(one.ledger.sensitivity, more.ledger.sensitivity);
  EXPECT_EQ(one.ledger.header.dataset_size, more.ledger.header.dataset_size);
  EXPECT_TRUE(privacy::same_parameters(one.ledger.event, more.ledger.event));
}

// The same with a record that contributes exactly nothing: whatever the number of records found reached would show.
TEST_F(PrivateTrainingTest, NumberOfRecordsReachesNothing) {
  std::vector<Tensor> gradient;
  for (const int64_t count : {kRecords, kRecords + 1}) {
    auto net = network(torch::kDouble);
    torch::optim::SGD optimizer(net->parameters(), 0.1);
    auto records = data(count, torch::kDouble);
    if (count > kRecords) records[0][kRecords].fill_(std::numeric_limits<double>::quiet_NaN());
    Overrides overrides;
    overrides.plan.expected_batch_size = kRecords;
    PrivateTraining training(*net, optimizer, tensor_records(records), options(overrides, std::to_string(count)));
    training.compute_gradient(losses_of(net));
    gradient.push_back(flat(gradients(net)));
  }
  EXPECT_TRUE(gradient[0].allclose(gradient[1], 1e-12, 1e-15));
}

// Charging.

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
    EXPECT_EQ(training.epsilon(),
              privacy::RdpAccountant(privacy::Adjacency::add_remove, {{event, step}}).epsilon(1e-5));
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

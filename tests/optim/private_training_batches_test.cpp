// Logical batches of private training: their size, physical batches, empty and failed ones, and what a record can
// reach.

#include <set>
#include <stdexcept>
#include <string>

#include "clipped_sum_access.h"
#include "private_training_fixture.h"

namespace sotto::optim {
namespace {

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
  overrides.probe = false;  // its passes are none over records
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

// The losses see how many places a batch has: a shape that followed the sample would tell them its size.
TEST_F(PrivateTrainingTest, EveryPassHasOneShape) {
  for (const int64_t physical_batch : {1, 16, 100, 100000}) {
    Overrides overrides;
    overrides.physical_batch = physical_batch;
    overrides.probe = false;
    auto net = network();
    torch::optim::SGD optimizer(net->parameters(), 0.1);
    PrivateTraining training(*net, optimizer, tensor_records(data()),
                             options(overrides, std::to_string(physical_batch)));
    std::set<int64_t> sizes;
    while (!training.finished()) {
      training.step([&](const auto& batch) {
        sizes.insert(batch[0].size(0));
        return losses_of(net)(batch);
      });
    }
    ASSERT_EQ(sizes.size(), 1u) << physical_batch;
    // 40 records expected, and three standard deviations of 5.7 more, in equal passes
    EXPECT_EQ(*sizes.begin(), physical_batch == 1 ? 2 : physical_batch == 16 ? 15 : 57) << physical_batch;
  }
}

// Records of different buckets never meet in a pass, every pass of a bucket has one shape, and the sum is the same.
TEST_F(PrivateTrainingTest, BucketsNeverShareAPass) {
  Overrides overrides;
  overrides.plan.expected_batch_size = kRecords;  // every record is drawn
  overrides.physical_batch = 64;
  const auto gradient = [&](bool buckets, const std::string& name) {
    auto net = network(torch::kDouble);
    torch::optim::SGD optimizer(net->parameters(), 0.1);
    Records records = tensor_records(data(kRecords, torch::kDouble));
    std::vector<int64_t> fetched;
    if (buckets) {
      records.bucket = [](int64_t index) { return index % 3; };
      records.fetch = [&, inner = records.fetch](const Tensor& indices) {
        EXPECT_TRUE((indices % 3).eq(indices[0] % 3).all().item<bool>());
        EXPECT_EQ(indices.size(0), 50);  // 200 expected in four passes
        for (int64_t i = 0; i < indices.size(0); ++i) fetched.push_back(indices[i].item<int64_t>());
        return inner(indices);
      };
    }
    PrivateTraining training(*net, optimizer, records, options(overrides, name));
    training.compute_gradient(losses_of(net));
    if (buckets) {
      EXPECT_EQ(std::set<int64_t>(fetched.begin(), fetched.end()).size(), static_cast<size_t>(kRecords));
    }
    return flat(gradients(net));
  };
  const Tensor plain = gradient(false, "plain");
  EXPECT_TRUE(gradient(true, "buckets").allclose(plain, 1e-12, 1e-12));
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
  EXPECT_EQ(one.ledger.releases.back().sensitivity, more.ledger.releases.back().sensitivity);
  EXPECT_EQ(one.ledger.header.dataset_size, more.ledger.header.dataset_size);
  EXPECT_TRUE(privacy::same_parameters(one.ledger.releases.back(), more.ledger.releases.back()));
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

}  // namespace
}  // namespace sotto::optim

// What private training finds out on made-up records, before it reads a private one.

#include "private_training_fixture.h"

namespace sotto::optim {
namespace {

// The records, and how often they were asked for.
Records counted(std::vector<Tensor> tensors, int& fetches) {
  Records records = tensor_records(std::move(tensors));
  records.fetch = [inner = records.fetch, &fetches](const Tensor& indices) {
    ++fetches;
    return inner(indices);
  };
  return records;
}

template <class Change>
Losses changed(nn::Sequential net, Change change) {
  return [net, change](const std::vector<Tensor>& batch) { return change(losses_of(net)(batch), batch); };
}

TEST_F(PrivateTrainingTest, RefusesBeforeARecordIsReadOrAStepIsCharged) {
  const std::vector<std::pair<Losses (*)(nn::Sequential), const char*>> leaking = {
      {[](nn::Sequential net) {
         return changed(net, [](const Tensor& l, const auto&) { return l / static_cast<double>(l.size(0)); });
       },
       "size of its batch changes"},
      {[](nn::Sequential net) {
         return changed(net, [](const Tensor& l, const auto&) { return l - l.detach().mean(); });
       },
       "aten::mean"},
      {[](nn::Sequential net) { return changed(net, [](const Tensor& l, const auto&) { return l.mean(); }); },
       "aten::mean"},
  };
  int number = 0;
  for (const auto& [make, says] : leaking) {
    auto net = network();
    torch::optim::SGD optimizer(net->parameters(), 0.1);
    int fetches = 0;
    PrivateTraining training(*net, optimizer, counted(data(), fetches), options({}, std::to_string(number++)));
    std::string message;
    try {
      training.step(make(net));
    } catch (const UsageError& error) {
      message = error.what();
    }
    EXPECT_TRUE(contains(message, says)) << message;
    EXPECT_EQ(fetches, 0);
    EXPECT_EQ(training.steps_charged(), 0);
  }
}

// Batches of the probe's own sizes behave; those of training do not.
TEST_F(PrivateTrainingTest, ProbesTheSizeOfItsForwardPasses) {
  auto net = network();
  torch::optim::SGD optimizer(net->parameters(), 0.1);
  PrivateTraining training(*net, optimizer, tensor_records(data()), options());
  std::string message;
  try {
    training.step(changed(net, [](const Tensor& l, const auto&) { return l.size(0) > 9 ? l * 0.5 : l; }));
  } catch (const UsageError& error) {
    message = error.what();
  }
  EXPECT_TRUE(contains(message, "size of its batch changes")) << message;
}

TEST_F(PrivateTrainingTest, SaysThatItProbedAndOnWhat) {
  auto net = network();
  torch::optim::SGD optimizer(net->parameters(), 0.1);
  PrivateTraining derived(*net, optimizer, tensor_records(data()), options());
  derived.step(losses_of(net));
  EXPECT_TRUE(contains(derived.notes().at(0), "was probed")) << derived.notes()[0];
  EXPECT_TRUE(contains(derived.notes().back(), "derived from sizes and dtypes"));

  PrivateTrainingOptions declared = options({}, "declared");
  declared.inputs = {{.sizes = {4}, .low = -2.0, .high = 2.0}, {.sizes = {}, .dtype = at::kLong, .vocabulary = 3}};
  PrivateTraining with_inputs(*net, optimizer, tensor_records(data()), declared);
  with_inputs.step(losses_of(net));
  EXPECT_TRUE(contains(with_inputs.notes().at(0), "was probed"));
  EXPECT_FALSE(contains(with_inputs.notes().back(), "derived"));
}

TEST_F(PrivateTrainingTest, SaysThatItDidNotProbe) {
  auto net = network();
  torch::optim::SGD optimizer(net->parameters(), 0.1);
  Records unknown = tensor_records(data());
  unknown.specs.clear();
  PrivateTraining without_specs(*net, optimizer, unknown, options());
  without_specs.step(losses_of(net));
  EXPECT_TRUE(contains(without_specs.notes().at(0), "not declared"));

  Overrides off;
  off.probe = false;
  PrivateTraining switched_off(*net, optimizer, tensor_records(data()), options(off, "off"));
  switched_off.step(losses_of(net));
  EXPECT_TRUE(contains(switched_off.notes().at(0), "switched off"));
}

// A model may not be meant for what was derived; it must be for what was declared.
TEST_F(PrivateTrainingTest, AModelThatFailsOnMadeUpRecordsIsRefusedOnlyWhenTheyWereDeclared) {
  auto net = network();
  torch::optim::SGD optimizer(net->parameters(), 0.1);
  const Losses failing = [&](const std::vector<Tensor>& batch) {
    if (batch[0].size(0) == 4) throw std::runtime_error("not meant for four records");
    return losses_of(net)(batch);
  };
  PrivateTraining derived(*net, optimizer, tensor_records(data()), options());
  derived.step(failing);
  EXPECT_TRUE(contains(derived.notes().at(0), "was not probed"));
  EXPECT_TRUE(contains(derived.notes()[0], "not meant for four records"));

  PrivateTrainingOptions with_inputs = options({}, "declared");
  with_inputs.inputs = {{.sizes = {4}}, {.sizes = {}, .dtype = at::kLong, .vocabulary = 3}};
  PrivateTraining declared(*net, optimizer, tensor_records(data()), with_inputs);
  EXPECT_THROW(declared.step(failing), UsageError);
  EXPECT_EQ(declared.steps_charged(), 0);
}

TEST_F(PrivateTrainingTest, AnErrorOfSottoOnMadeUpRecordsIsNoNote) {
  auto net = network();
  torch::optim::SGD optimizer(net->parameters(), 0.1);
  PrivateTraining training(*net, optimizer, tensor_records(data()), options());
  EXPECT_THROW(training.step([&](const std::vector<Tensor>& batch) {
    if (batch[0].size(0) == 4) throw DataError("[model] not a table");
    return losses_of(net)(batch);
  }),
               UsageError);
  EXPECT_EQ(training.steps_charged(), 0);
}

TEST_F(PrivateTrainingTest, WhatTheProbeFoundIsNotLostWhenTheModelFailsLater) {
  auto net = network();
  torch::optim::SGD optimizer(net->parameters(), 0.1);
  PrivateTraining training(*net, optimizer, tensor_records(data()), options());
  std::string message;
  try {
    training.step([&](const std::vector<Tensor>& batch) {
      if (batch[0].size(0) > 4) throw std::runtime_error("four records at most");
      return losses_of(net)(batch) * static_cast<double>(batch[0].const_data_ptr<float>()[0]);
    });
  } catch (const UsageError& error) {
    message = error.what();
  }
  EXPECT_TRUE(contains(message, "other records of its batch change")) << message;
  EXPECT_EQ(training.steps_charged(), 0);
}

// Nothing of a run depends on whether it was probed: neither dropout masks nor the private draws.
TEST_F(PrivateTrainingTest, ProbingLeavesTheRunAsItWas) {
  const auto gradient = [&](bool probe, const std::string& name) {
    auto net = network();
    torch::optim::SGD optimizer(net->parameters(), 0.1);
    Overrides overrides;
    overrides.probe = probe;
    PrivateTraining training(*net, optimizer, tensor_records(data()), options(overrides, name));
    torch::manual_seed(5);
    training.compute_gradient([&](const std::vector<Tensor>& batch) {
      return F::cross_entropy(net->forward(torch::dropout(batch[0], 0.5, true)), batch[1],
                              F::CrossEntropyFuncOptions().reduction(torch::kNone));
    });
    return flat(gradients(net));
  };
  EXPECT_TRUE(gradient(true, "probed").equal(gradient(false, "unprobed")));
}

TEST_F(PrivateTrainingTest, FallbackGivesTheSameGradientAndTellsItsCost) {
  const auto gradient = [&](Fallback fallback, const std::string& name, std::string& notes) {
    auto net = network();
    torch::optim::SGD optimizer(net->parameters(), 0.1);
    PrivateTrainingOptions of_run = options({}, name);
    of_run.tape.fallback = fallback;
    PrivateTraining training(*net, optimizer, tensor_records(data()), of_run);
    training.compute_gradient(losses_of(net));
    for (const std::string& note : training.notes()) notes += note + "\n";
    return flat(gradients(net));
  };
  std::string notes;
  const Tensor alone = gradient(Fallback::per_record, "alone", notes);
  EXPECT_TRUE(contains(notes, "fallback per-record")) << notes;
  EXPECT_TRUE(contains(notes, "ms on made-up records")) << notes;
  EXPECT_TRUE(contains(notes, "times less")) << notes;
  std::string plain;
  EXPECT_TRUE(alone.allclose(gradient(Fallback::none, "plain", plain), 1e-4, 1e-6));
  EXPECT_FALSE(contains(plain, "fallback"));
}

// One record at a time cannot mix records but through what the program keeps.
TEST_F(PrivateTrainingTest, FallbackIsProbedToo) {
  auto net = network();
  torch::optim::SGD optimizer(net->parameters(), 0.1);
  PrivateTrainingOptions of_run = options();
  of_run.tape.fallback = Fallback::per_record;
  PrivateTraining training(*net, optimizer, tensor_records(data()), of_run);
  double kept = 0.0;
  EXPECT_THROW(training.step([&](const std::vector<Tensor>& batch) {
    const double before = kept;
    const Tensor losses = losses_of(net)(batch);
    kept = losses.mean().item<double>();
    return losses * (1.0 + before);
  }),
               UsageError);
  EXPECT_EQ(training.steps_charged(), 0);
}

}  // namespace
}  // namespace sotto::optim

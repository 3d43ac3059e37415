#include <sotto/optim/explain_model.h>
#include <sotto/optim/generator.h>
#include <sotto/optim/private_training.h>
#include <sotto/privacy/error.h>
#include <torch/torch.h>

#include <cmath>

#include "../optim/private_training_fixture.h"
#include "detectors.h"

namespace sotto::testing {
namespace {

using namespace sotto::optim;

// A run of three planned steps, as a program writes it.
struct Run {
  explicit Run(std::optional<uint64_t> seed = std::nullopt) {
    at::set_num_threads(1);
    options.insecure_test_seed = seed;
    options.physical_batch = 16;
    options.probe = false;  // that is the business of another detector
  }
  static privacy::PrivacyPlan plan(double noise = 1.1) {
    privacy::PrivacyPlanOptions of_plan = plan_options();
    of_plan.steps = 3;
    of_plan.noise_multiplier = noise;
    return privacy::PrivacyPlan(of_plan);
  }
  void start() { training.emplace(*net, sgd, tensor_records(data()), options); }
  void resume() {
    training.reset();
    options.resume = true;
    start();
  }
  void step() { training->step(losses_of(net)); }
  int64_t in_ledger() const { return privacy::read_ledger(options.ledger).steps_charged(); }

  ScratchFolder folder{ScratchFolder::memory()};
  nn::Sequential net = network();
  torch::optim::SGD sgd{net->parameters(), torch::optim::SGDOptions(0.1)};
  PrivateTrainingOptions options{
      .plan = plan(), .rule = WeightRule::psac(0.5), .ledger = folder.path() / "ledger.jsonl"};
  std::optional<PrivateTraining> training;
};

bool same(const Parameters& a, const Parameters& b) {
  for (size_t p = 0; p < a.size(); ++p)
    if (!a[p].equal(b[p])) return false;
  return true;
}

void from_the_first_step_to_the_last() {
  Run run;
  run.start();
  demand(privacy::read_ledger(run.options.ledger).header.keys_are_secret,
         "the ledger of a private run is stamped NOT PRIVATE");
  run.step();
  run.step();
  demand(run.in_ledger() == 2, "two steps were made and " + std::to_string(run.in_ledger()) + " charged");
  run.resume();
  demand(run.in_ledger() == 2, "after two steps and a resume the ledger holds " + std::to_string(run.in_ledger()));
  run.step();
  demand(run.training->finished(), "all planned steps were made and the run is not finished");
  must_be_refused<BudgetExhausted>("a step beyond the plan", [&] { run.step(); });
}

void marks_of_seeds() {
  Run run(7);
  run.start();
  demand(!privacy::read_ledger(run.options.ledger).header.keys_are_secret,
         "the ledger of a run with a seed has no stamp");
  run.training.reset();
  run.options.insecure_test_seed = std::nullopt;
  must_be_refused<LedgerError>("a run with a seed that goes on with secret keys", [&] { run.resume(); });
}

void other_plans() {
  Run run;
  run.start();
  run.step();
  run.options.plan = Run::plan(2.2);
  must_be_refused<LedgerError>("a run that goes on with twice the noise", [&] { run.resume(); });
}

void optimizers() {
  Run run;
  torch::optim::LBFGS closure(run.net->parameters());
  must_be_refused<UsageError>("an optimizer with a closure", [&] {
    PrivateTraining training(*run.net, closure, tensor_records(data()), run.options);
  });
  std::vector<Tensor> more = run.net->parameters();
  more.push_back(torch::ones({2}).requires_grad_());
  torch::optim::SGD foreign(more, torch::optim::SGDOptions(0.1));
  must_be_refused<UsageError>("an optimizer with a parameter that has raw gradients", [&] {
    PrivateTraining training(*run.net, foreign, tensor_records(data()), run.options);
  });
}

void clip_norms() {
  Run run;
  run.options.rule = WeightRule::adaptive(0.5, {.count_noise = 3});
  run.start();
  run.step();
  const double reached = run.training->clip_norm();
  must_be_refused<UsageError>("a run with an adaptive rule that goes on without its clip norm", [&] { run.resume(); });
  run.options.clip_norm = reached;
  run.resume();
  demand(run.training->clip_norm() == reached, "a run that goes on has another clip norm than its checkpoint");
}

void replaced_gradients() {
  Run run;
  run.start();
  run.training->compute_gradient(losses_of(run.net));
  run.net->parameters()[0].mutable_grad() = torch::ones_like(run.net->parameters()[0]).detach();
  must_be_refused<UsageError>("a gradient that something else wrote", [&] { run.training->update(); });
}

// What was charged and could not be flushed moves nothing; in the first step, and where the charge is written
// meanwhile.
void broken_disks() {
  for (const bool later : {false, true}) {
    Run run;
    run.start();
    if (later) run.step();
    const Parameters before = values(run.net);
    {
      const FailingFlushes failing;
      must_be_refused("a step whose charge was not flushed", [&] { run.step(); });
    }
    demand(same(values(run.net), before), "parameters moved by a step whose charge did not reach the disk");
  }
}

void secret_randomness() {
  std::vector<uint64_t> seeds;
  Run run;
  run.start();
  run.training->compute_gradient([&](const std::vector<Tensor>& batch) {
    seeds.push_back(generator_seed());
    return losses_of(run.net)(batch);
  });
  for (size_t i = 1; i < seeds.size(); ++i)
    demand(seeds[i] != seeds[0], "every pass draws its dropout from the same seed");
}

// Mixed behind LibTorch's back, where the analysis cannot see it.
void leaks_are_probed() {
  Run run;
  run.options.probe = true;
  run.options.inputs = {{.sizes = {4}, .low = -1}, {.sizes = {}, .dtype = at::kLong, .vocabulary = 3}};
  run.start();
  must_be_refused<UsageError>("a model that mixes records unseen", [&] {
    run.training->examine([&](const std::vector<Tensor>& batch) {
      float sum = 0;
      for (int64_t i = 0; i < batch[0].numel(); ++i) sum += batch[0].const_data_ptr<float>()[i];
      return losses_of(run.net)(batch) * (1 + sum);
    });
  });
}

// Charged, noised, and of every record no more than a norm of 1.
void evaluations() {
  constexpr double kNoise = 25, kFar = 6;  // standard deviations: a false alarm in 1e8 looks
  Run run;
  privacy::PrivacyPlanOptions planned = plan_options();
  planned.steps = 30;
  planned.evaluations = privacy::PlannedEvaluations{30, kNoise};
  run.options.plan = privacy::PrivacyPlan(planned);
  run.start();
  bool mixes = false;
  const Vectors scores = [&](const std::vector<Tensor>& inputs) {
    const Tensor all = run.net->forward(inputs[0]);
    return mixes ? all - all.mean(0, true) : all;
  };
  double squares = 0;
  for (int i = 1; i <= 29; ++i) {
    const NoisySums found = run.training->evaluate(scores, [](const Tensor& all, const std::vector<Tensor>&) {
      return torch::tensor({3.0, 4.0}, torch::kDouble).expand({all.size(0), 2});
    });
    for (const size_t c : {0, 1}) {
      const double beside = found.sums[c] - kRecords * (c == 0 ? 0.6 : 0.8);
      demand(std::abs(beside) < kFar * kNoise,
             "a record counts more than once in an evaluation, or with a norm above 1");
      squares += beside * beside / (kNoise * kNoise);
    }
    const int64_t charged = privacy::read_ledger(run.options.ledger).evaluations_charged;
    demand(charged == i, std::to_string(i) + " evaluations were made and " + std::to_string(charged) + " charged");
  }
  mixes = true;
  must_be_refused<UsageError>("an evaluation that mixes records, after others that did not", [&] {
    run.training->evaluate(scores, [](const Tensor& all, const std::vector<Tensor>&) {
      return torch::zeros({all.size(0), 2}, torch::kDouble);
    });
  });
  Run more;
  more.options.plan = privacy::PrivacyPlan(planned);
  more.training.emplace(*more.net, more.sgd, tensor_records(data(kRecords + 1)), more.options);
  const double size = more.training
                          ->evaluate([&](const std::vector<Tensor>& inputs) { return more.net->forward(inputs[0]); },
                                     [](const Tensor& all, const std::vector<Tensor>&) {
                                       return torch::zeros({all.size(0), 2}, torch::kDouble);
                                     })
                          .size;
  demand(size == kRecords, "a metric is divided by the number of records that were found");
  // The sum of 58 squares of normal numbers: below 14 or above 145 in one of 1e6 looks.
  demand(squares > 14, "an evaluation on private records has too little noise");
  demand(squares < 145, "an evaluation on private records has too much noise");
}

}  // namespace

Notice training_guards() {
  return noticed_by([] {
    from_the_first_step_to_the_last();
    marks_of_seeds();
    other_plans();
    optimizers();
    clip_norms();
    replaced_gradients();
    broken_disks();
    secret_randomness();
    leaks_are_probed();
    evaluations();
  });
}

}  // namespace sotto::testing

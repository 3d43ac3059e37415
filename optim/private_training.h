#pragma once
// Private training of an unmodified model with any optimizer of torch::optim that needs no closure.
//
//   const sotto::privacy::PrivacyPlan plan({.adjacency = sotto::privacy::Adjacency::add_remove,
//                                           .dataset_size = 60000, .expected_batch_size = 256, .steps = 1000,
//                                           .delta = 1e-5, .epsilon = 3.0});
//   sotto::optim::PrivateTraining training(
//       *model, sgd, sotto::optim::tensor_records({images, labels}),
//       {.plan = plan, .rule = sotto::optim::WeightRule::psac(0.1), .ledger = "run/ledger.jsonl"});
//   while (!training.finished()) training.step([&](const auto& batch) {
//     return cross_entropy(model->forward(batch[0]), batch[1], reduction_none); });
//   std::cout << training.epsilon();
//
// One step: draw a Poisson sample, sum weighted per-record gradients over physical batches of one fixed shape,
// charge the ledger, add noise once, divide by the expected batch size, write .grad, run the optimizer. A step with an
// empty sample is a step like any other. Before the first one the model is run on made-up records (probe.h). The model
// may contain anything that the tape has rules for; what it has no rule for is refused.
//
// Once a step with records went through, the charge is written while the step computes. When such a step fails before
// its noise is drawn, the charge stays and serves the next call, which draws a new sample: whether a step fails must
// not depend on which records were drawn, or sampling is no longer Poisson.
//
// The losses of a batch must depend on its inputs, the parameters and constants alone: what else they read (a counter
// of calls, a clock) is not seen, and the number of physical batches shows the size of the sample.
//
// With a plan of privacy::Noise::discrete every record is run on its own (Fallback::per_record, whatever the options
// say), its weighted gradient is rounded to integers, and sum and noise are exact: lattice_mechanism.h. The same
// guarantee then holds against attacks on floating-point noise, for a larger epsilon and many times the work; for the
// processor only.
//
// With the rule adaptive a step also releases a noised count of the records below the clip norm, which moves that norm
// for the next one (adaptive_clip_norm.h); both noises together are what is charged, the plan's. The clip norm is a
// part of what a checkpoint must hold. There is this rule for normal noise on the processor only.
//
// On a device (options.tape.device) the parameters and constants are there; records stay on the host, and batches are
// copied through pinned memory. Everything is queued on the stream that is current when a step begins.

#include <sotto/optim/batch_fit.h>
#include <sotto/optim/clipper.h>
#include <sotto/optim/gaussian_mechanism.h>
#include <sotto/optim/lattice_mechanism.h>
#include <sotto/optim/planned_release.h>
#include <sotto/optim/records.h>
#include <sotto/privacy/plan.h>
#include <sotto/privacy/poisson_sampler.h>
#include <torch/nn/module.h>
#include <torch/optim/optimizer.h>

#include <array>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <vector>

namespace sotto::optim {

struct PrivateTrainingOptions {
  privacy::PrivacyPlan plan;
  WeightRule rule;
  std::filesystem::path ledger;  // created, or continued when `resume`
  bool unit_is_group = false;    // each record is a group of what the user calls records: for the ledger
  bool resume = false;
  // Of the rule adaptive and with `resume`: what clip_norm() was when the checkpoint was made that the run goes on
  // from. Mandatory once a step was charged, for a run must not begin again with the first one.
  std::optional<double> clip_norm = std::nullopt;
  // Records per forward pass at most; changes rounding, memory and speed alone. Where tape.memory_bytes is given and so
  // many cannot be held within it, as many as can (examine()).
  int64_t physical_batch = 512;
  std::vector<at::Tensor> constants = {};  // tensors the losses use that are no inputs, parameters or buffers
  TapeOptions tape = {};
  // What the losses take, for the probe on made-up records before the first step. Empty: derived from the records'
  // sizes and dtypes, floats from 0 .. 1 and integers 0 or 1. Declare vocabularies and ranges for a probe of the real
  // thing.
  std::vector<InputSpec> inputs = {};
  bool probe = true;
  // Keys from a seed instead of the operating system: repeatable, and NOT PRIVATE. The ledger and everything derived
  // from it carries that stamp.
  std::optional<std::uint64_t> insecure_test_seed = std::nullopt;
};

// Maps a physical batch of B records to a vector of each, [B, width].
using Vectors = std::function<at::Tensor(const std::vector<at::Tensor>& inputs)>;
// Maps the scores of a batch and its inputs to what every record contributes to an evaluation, [B, 2], each row made of
// that record's scores and inputs alone: this, and nothing else of an evaluation, is the caller's word.
using Contributions = std::function<at::Tensor(const at::Tensor& scores, const std::vector<at::Tensor>& inputs)>;

// What an evaluation on private records released: privacy/planned_evaluations.h.
struct NoisySums {
  int64_t number = 0;  // of the evaluation, from 1
  std::array<double, 2> sums = {};
  double size = 0;  // what sums are divided by for means: the declared number of records
};

class PrivateTraining {
 public:
  // Trains the module's parameters that require grad; the others and its buffers are constants. For a per-group rule
  // every module with parameters of its own is a group. The optimizer must hold all of these, and no other that is
  // trainable or has a gradient. Throws UsageError when something cannot be trained privately, LedgerError and IoError
  // as privacy/ledger.h says.
  PrivateTraining(const torch::nn::Module& module, torch::optim::Optimizer& optimizer, Records records,
                  PrivateTrainingOptions options);
  // The same for parameters that belong to no torch::nn::Module (a TorchScript module, loose tensors).
  PrivateTraining(std::vector<NamedParameter> parameters, torch::optim::Optimizer& optimizer, Records records,
                  PrivateTrainingOptions options, std::vector<size_t> groups = {});

  // Analyses and probes the model on made-up records; what it finds is in notes(). The first step does it otherwise.
  // Throws UsageError when the model is refused, and TooLittleMemory (batch_fit.h) when tape.memory_bytes is given and
  // not even two records can be held within it. Nothing is drawn or charged, and no private record is read.
  void examine(const Losses& losses);

  // A whole step. For torch::optim::SGD, Adam and AdamW noise and update take one pass over memory and no gradient is
  // stored: .grad is undefined afterwards (fused_update.h). For any other optimizer, and with discrete noise,
  // compute_gradient() and update().
  // Throws BudgetExhausted when all planned steps are charged.
  void step(const Losses& losses);

  // Draws a batch, charges the step and writes the private gradient to .grad, where it may be read. Seeds LibTorch's
  // default generators from the operating system before every forward pass (not with insecure_test_seed): dropout
  // masks that are known beforehand would tie a record's gradient to its place in the batch.
  void compute_gradient(const Losses& losses);
  // Checks that every .grad is the tensor that compute_gradient() wrote, unchanged, and runs the optimizer's step.
  // Throws UsageError otherwise.
  void update();

  // The mean over the data of a vector that each record has, from one of the planned steps: sampled, weighted by the
  // rule, noised and charged as any other, with the vector in the place of a record's gradient. `length` is the norm of
  // all vectors: what the rule makes of that length is undone, so that the result is their mean and noise. Model,
  // optimizer and the clip norm of an adaptive rule are left alone. Returns [width], float.
  // Throws UsageError for a rule per group, a width below 1 or above the number of trained parameters, a length that is
  // not finite and > 0, and vectors that mix records or are made of what is not known; BudgetExhausted as step().
  at::Tensor mean(const Vectors& vectors, int64_t width, double length);

  // One of the planned evaluations: the sum, over all records, of what they contribute, each scaled down to norm 1
  // where it is longer and 0 where it is not finite, and noise of the planned standard deviation in every coordinate,
  // drawn from a key of its own after the charge is on the device. `scores` is the model in the mode that is evaluated;
  // it is examined as losses are, by the sum of each record's scores, before the first charge, and watched as losses
  // are every time (watched_scores.h). Model and optimizer are left alone. What is made of the sums is divided by the
  // declared size, never by the number of records. Throws UsageError where none are planned, for scores that mix
  // records, and for contributions of another shape; BudgetExhausted when all are charged.
  NoisySums evaluate(const Vectors& scores, const Contributions& contributions);
  // Examines the scores of evaluate() beforehand.
  void examine_evaluation(const Vectors& scores);

  // To be called before a checkpoint of parameters and optimizer takes its name (privacy/ledger.h): a run that resumes
  // can then tell that the file is one of this run, and as it was written.
  void record_checkpoint(const privacy::LedgerCheckpoint& checkpoint) { ledger_.record_checkpoint(checkpoint); }
  // The same for a certificate that states ledger().head_hash().
  void record_certificate(const std::string& sha256) { ledger_.record_certificate(sha256); }

  bool finished() const { return !ledger_.charging() && steps_charged() >= options_.plan.steps(); }
  int64_t steps_charged() const;
  // Upper bound, from the ledger, for the steps charged so far, at the plan's delta.
  double epsilon() const;

  // What is good to know of the model, once it was examined: whether independence was probed, and what
  // a fallback costs. Nothing in it depends on a private record.
  const std::vector<std::string>& notes() const { return notes_; }

  // That of the options, cut to the memory once the model was examined: from shapes alone.
  int64_t physical_batch() const { return options_.physical_batch; }

  const privacy::PrivacyPlan& plan() const { return options_.plan; }
  const WeightRule& rule() const { return clipper_.rule(); }
  // Of the next step: the rule's, or where it is adaptive what earlier steps made of it; that was released, and may be
  // told and kept in checkpoints.
  double clip_norm() const { return clipper_.clip_norm(); }
  // Of the rule adaptive and the last step: the noised count that moved it.
  const std::optional<double>& released_count() const { return released_count_; }
  const privacy::Ledger& ledger() const { return ledger_; }
  // False when insecure_test_seed was given: NOT PRIVATE.
  bool is_private() const { return !options_.insecure_test_seed.has_value(); }

 private:
  struct Keys {
    privacy::SecretKey noise;
    privacy::SecretKey sampler;
  };
  PrivateTraining(std::vector<NamedParameter> parameters, torch::optim::Optimizer& optimizer, Records records,
                  PrivateTrainingOptions options, std::vector<size_t> groups, Keys keys);
  // Takes inputs and which of their places are no padding.
  using AddPass = std::function<void(const std::vector<at::Tensor>& inputs, const std::vector<bool>& active)>;
  void draw_sample(bool& empty, const AddPass& add);
  ClippedSum sum_of_sample(Clipper& clipper, const Losses& losses, bool& empty);
  // Where there is lattice_.
  PrivateGradient release_on_lattice(Clipper& clipper, const Losses& losses, bool& empty);
  // Moves the clip norm by what was released, where the rule is adaptive.
  void adapt(const std::optional<double>& noised_count);
  void require_budget() const;
  std::array<double, 2> sum_of_contributions(const Vectors& scores, const Contributions& contributions) const;
  std::vector<std::string> probed(const std::vector<NamedParameter>& parameters,
                                  const std::vector<at::Tensor>& constants, const Losses& losses) const;
  void ended(std::string_view phase) const;
  void fit_memory(const std::vector<InputSpec>& specs, const Losses& losses);
  void check_before_start() const;
  void check_optimizer() const;
  int64_t size_of_pass() const;  // places of every forward pass, whatever the sample's size

  PrivateTrainingOptions options_;
  Records records_;
  torch::optim::Optimizer& optimizer_;
  Clipper clipper_;
  privacy::Ledger ledger_;
  privacy::PoissonSampler sampler_;
  privacy::SecretKey evaluation_key_;        // of its noise alone
  std::string noise_key_;                    // commitment of the key that it is derived from
  std::optional<LatticeMechanism> lattice_;  // with discrete noise; the other mechanism then has no key
  GaussianMechanism mechanism_;
  std::optional<WrittenGradient> written_;
  std::optional<double> released_count_;
  std::vector<std::string> notes_;
  bool examined_ = false;
  bool evaluation_examined_ = false;
  bool accepted_ = false;  // a step went through: the model is not one that is refused
};

// The parameters of a module that require grad, by their names, and the groups of a per-group rule: one per module that
// has parameters of its own.
std::vector<NamedParameter> trainable_parameters(const torch::nn::Module& module);
std::vector<size_t> module_groups(const std::vector<NamedParameter>& parameters);

}  // namespace sotto::optim

#pragma once
// The folder of a run, written file by file and without LibTorch: what `sotto train` leaves of six steps.

#include <fmt/format.h>
#include <sotto/models/safetensors.h>
#include <sotto/privacy/adaptive_clipping.h>
#include <sotto/privacy/atomic_file.h>
#include <sotto/privacy/certificate.h>
#include <sotto/privacy/ledger.h>
#include <sotto/privacy/plan.h>
#include <sotto/privacy/sha256.h>
#include <sotto/tools/config_file.h>
#include <sotto/tools/declaration.h>
#include <sotto/tools/run_files.h>
#include <sotto/tools/run_folder.h>
#include <sotto/tools/run_options.h>

#include <algorithm>
#include <array>
#include <optional>
#include <string>

#include "../support/scratch_folder.h"

namespace sotto::tools::testing {

class RunInFiles {
 public:
  struct Options {
    std::int64_t steps = 6;      // planned
    std::int64_t charged = 6;    // of them
    double charged_noise = 1.1;  // what the steps really had
    bool with_certificate = true;
    double claimed = 0;  // epsilon of the certificate; 0: the true one
    bool secret = true;
    privacy::Noise noise = privacy::Noise::normal;
    double count_noise = 0;  // of the rule adaptive; 0: the rule flat
    std::optional<privacy::PlannedEvaluations> evaluations = {};
    std::int64_t evaluated = 0;  // of them, after the last step
    std::optional<std::int64_t> stopped = {};
  };

  RunInFiles() : RunInFiles(Options{}) {}
  explicit RunInFiles(const Options& options) : options_(options) { write(); }

  const RunFolder& folder() const { return folder_; }
  std::filesystem::path path() const { return folder_.path(); }

  // The certificate as it is, and its record.
  static void write_certificate(const RunFolder& folder, const privacy::Certificate& certificate,
                                privacy::Ledger& ledger) {
    privacy::write_certificate(folder.certificate(), certificate,
                               [&](const std::string& sha256) { ledger.record_certificate(sha256); });
  }

  static privacy::LedgerKeys keys(int start, bool secret = true) {
    return {privacy::sha256_hex("noise " + std::to_string(start)),
            privacy::sha256_hex("sampler " + std::to_string(start)), secret};
  }

  privacy::PrivacyPlan plan() const {
    return privacy::PrivacyPlan({.adjacency = privacy::Adjacency::add_remove,
                                 .dataset_size = 1000,
                                 .expected_batch_size = 50,
                                 .steps = options_.steps,
                                 .delta = 1e-5,
                                 .noise_multiplier = 1.1,
                                 .noise = options_.noise,
                                 .evaluations = options_.evaluations});
  }

  // The certificate of the folder as it is now, written or not.
  privacy::Certificate certificate(const privacy::LedgerContents& ledger) const {
    const privacy::PrivacyPlan plan = this->plan();
    privacy::Certificate c;
    c.sotto_version = "0.1.0";
    c.run = ledger.header.run;
    c.adjacency = plan.adjacency();
    c.accountant_name = "certified";
    c.accountant_version = "1";
    c.noise_multiplier = plan.noise_multiplier();
    c.lattice = plan.step_event().lattice;
    c.sampling_rate = plan.sampling_rate();
    c.dataset_size_declared = plan.dataset_size();
    c.expected_batch_size = 50;
    c.clip_norm = 0.5;
    c.weight_rule = ledger.header.weight_rule;
    c.weight_rule_parameters = ledger.header.weight_rule_parameters;
    c.weight_rule_bound = ledger.header.sensitivity;
    if (adaptive())
      c.adaptive_clipping = privacy::CertifiedAdaptiveClipping{
          privacy::gradient_noise_beside_count(plan.noise_multiplier(), options_.count_noise), options_.count_noise};
    c.planned = {plan.steps(), options_.claimed > 0 ? options_.claimed : plan.epsilon(), plan.delta()};
    c.executed = {ledger.steps_charged(), std::min(c.planned.epsilon, plan.epsilon_of(ledger.spent)), plan.delta()};
    if (const auto& planned = options_.evaluations)
      c.evaluations =
          privacy::CertifiedEvaluations{planned->count, ledger.evaluations_charged, planned->noise_multiplier, 4};
    c.stopped_after_evaluations = options_.stopped;
    c.input_scaling = "pixels by a public constant";
    c.not_covered = privacy::standard_exclusions(options_.noise);
    c.noise_generator = "ChaCha20";
    c.key_source = options_.secret ? "operating system" : "test seed";
    if (!options_.secret) c.not_private = "the keys came from a seed";
    c.files = run_file_hashes(folder_);
    c.ledger_records = ledger.records;
    c.ledger_head_hash = ledger.head_hash;
    return c;
  }

 private:
  bool adaptive() const { return options_.count_noise > 0; }

  void write() {
    const privacy::PrivacyPlan plan = this->plan();
    TrainOptions config;
    config.train_images = "images.idx";
    config.train_labels = "labels.idx";
    config.dataset_size = plan.dataset_size();
    config.batch = 50;
    config.steps = plan.steps();
    config.delta = plan.delta();
    config.noise_multiplier = 1.1;
    config.noise = privacy::to_string(options_.noise);
    config.rule = "flat";
    config.clip_norm = 0.5;
    if (adaptive()) {
      config.rule = "adaptive";
      config.clip_quantile = 0.5;
      config.clip_rate = 0.2;
      config.count_noise = options_.count_noise;
    }
    if (!options_.secret) config.insecure_test_seed = 1;
    if (options_.evaluations) config.private_metrics = options_.evaluations->count;
    config.stop_early = options_.stopped;
    std::filesystem::create_directories(path());
    privacy::write_file_atomically(folder_.config(), format_config(config, ""));
    if (!options_.secret) privacy::write_file_atomically(folder_.not_private(), "NOT PRIVATE: a seed\n");

    privacy::LedgerHeader header;
    header.adjacency = plan.adjacency();
    header.dataset_size = plan.dataset_size();
    header.delta = plan.delta();
    header.event = plan.step_event();
    header.weight_rule = "flat";
    header.weight_rule_parameters = {{"clip_norm", 0.5}};
    header.sensitivity = 0.5;
    if (adaptive()) {
      header.weight_rule = "adaptive";
      header.weight_rule_parameters = {
          {"clip_norm", 0.5}, {"count_noise", options_.count_noise}, {"quantile", 0.5}, {"rate", 0.2}};
      header.sensitivity = 1;
    }
    header.steps = plan.steps();
    header.evaluations = plan.evaluations();
    header.accountant_name = "certified";
    header.accountant_version = "1";
    header.keys_are_secret = options_.secret;
    std::optional<privacy::Ledger> ledger(privacy::Ledger::create(folder_.ledger(), header, keys(1, options_.secret)));
    const privacy::StepEvent step = privacy::step_of(options_.noise, plan.sampling_rate(), options_.charged_noise);
    for (std::int64_t i = 0; i < options_.charged; ++i) {
      if (i == 3) {  // stopped and resumed
        write_checkpoint(*ledger);
        ledger.reset();
        ledger.emplace(privacy::Ledger::open(folder_.ledger(), keys(2, options_.secret)));
      }
      ledger->reserve(ledger->next_step(), step, header.sensitivity, keys(i < 3 ? 1 : 2).noise_key);
    }
    for (std::int64_t i = 0; i < options_.evaluated; ++i)
      ledger->reserve_evaluation(keys(options_.charged > 3 ? 2 : 1).noise_key);
    write_checkpoint(*ledger);
    const std::array<float, 3> weights = {1, 2, 3};
    const models::TensorView view{"weight", models::Dtype::f32, {3}, std::as_bytes(std::span(weights))};
    models::write_safetensors(folder_.model(), std::span(&view, 1), {{"model", "test"}});
    std::string metrics = "{\"step\":" + std::to_string(options_.charged) + "}\n";
    if (options_.stopped)  // at once: nothing exceeds the first accuracy
      for (std::int64_t number = 1; number <= *options_.stopped + 1; ++number)
        metrics += fmt::format("{{\"step\":{},\"private_evaluation\":{},\"private_accuracy\":0.5}}\n", options_.charged,
                               number);
    privacy::write_file_atomically(folder_.metrics(), metrics);
    if (options_.with_certificate) write_certificate(folder_, certificate(ledger->contents()), *ledger);
  }

  void write_checkpoint(privacy::Ledger& ledger) const {
    const std::array<float, 3> weights = {static_cast<float>(ledger.next_step()), 2, 3};
    const models::TensorView view{"model.weight", models::Dtype::f32, {3}, std::as_bytes(std::span(weights))};
    models::write_safetensors(
        folder_.checkpoint(), std::span(&view, 1),
        {{"ledger_head", ledger.head_hash()}, {"declared", declaration_sha256(run_options(folder_), folder_)}},
        [&](const std::string& sha256) {
          ledger.record_checkpoint({ledger.contents().steps_charged(), sha256});
        });
  }

  sotto::testing::ScratchFolder scratch_{sotto::testing::ScratchFolder::memory()};
  Options options_;
  RunFolder folder_{scratch_.path() / "run"};
};

}  // namespace sotto::tools::testing

// Whether the other files of the folder are those of this run: checkpoint, configuration, metrics, and what has a hash
// in the certificate.

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <sotto/models/safetensors.h>
#include <sotto/privacy/plan.h>
#include <sotto/privacy/planned_evaluations.h>
#include <sotto/tools/checkpoint_anchor.h>
#include <sotto/tools/declaration.h>
#include <sotto/tools/early_stop.h>
#include <sotto/tools/file_text.h>
#include <sotto/tools/learning_curve.h>
#include <sotto/tools/metrics_file.h>
#include <sotto/tools/run_files.h>
#include <sotto/tools/run_options.h>
#include <sotto/tools/verifier.h>

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>
#include <span>
#include <sstream>
#include <vector>

namespace sotto::tools {

Verifier::Finding Verifier::checkpoint() {
  if (!checkpoint_hash_) return nothing("there is none: the run cannot be continued");
  if (!result_.ledger) return nothing("its hash is in the ledger");
  const privacy::LedgerContents& l = *result_.ledger;
  if (l.schema == 1) return nothing("a ledger of schema 1 has no hashes of checkpoints");
  const privacy::LedgerCheckpoint found = anchored_checkpoint(folder_.checkpoint(), *checkpoint_hash_, l);
  return fmt::format("{} applied, {} charged; its hash is in the ledger", found.applied_steps, l.steps_charged());
}

// What config.toml declares of what the ledger holds, and of all else that a run may not change.
Verifier::Finding Verifier::configuration() {
  if (!result_.ledger) return nothing("it is compared with the ledger");
  const privacy::LedgerHeader& h = result_.ledger->header;
  const TrainOptions o = run_options(folder_);
  const auto same = [](bool equal, const char* key) {
    if (!equal) throw Fails{fmt::format("config.toml has another {} than the ledger", key)};
  };
  if (o.dataset_size) same(*o.dataset_size == h.dataset_size, "dataset-size");
  same(static_cast<double>(o.batch) / static_cast<double>(h.dataset_size) == h.event.sampling_rate, "batch");
  if (o.steps) same(*o.steps == h.steps, "steps");
  same(o.private_metrics == (h.evaluations ? std::optional(h.evaluations->count) : std::nullopt), "private-metrics");
  if (o.metric_noise) same(h.evaluations && *o.metric_noise == h.evaluations->noise_multiplier, "metric-noise");
  if (result_.certificate && result_.certificate->stopped_after_evaluations)
    same(o.stop_early == result_.certificate->stopped_after_evaluations, "stop-early");
  same(o.delta == h.delta, "delta");
  same(o.noise == to_string(noise_of(h.event)), "noise");
  if (o.noise_multiplier)
    same(same_parameters(step_of(noise_of(h.event), h.event.sampling_rate, *o.noise_multiplier), h.event),
         "noise-multiplier");
  if (const auto clip = h.weight_rule_parameters.find("clip_norm"); clip != h.weight_rule_parameters.end())
    same(o.clip_norm == clip->second, "clip-norm");
  same((o.rule == "adaptive") == (h.weight_rule == "adaptive"), "rule");
  if (h.weight_rule == "adaptive") {
    const auto same_parameter = [&](const std::optional<double>& value, const char* name, const char* key) {
      const auto stated = h.weight_rule_parameters.find(name);
      same(stated != h.weight_rule_parameters.end() && value == stated->second, key);
    };
    same_parameter(o.clip_quantile, "quantile", "clip-quantile");
    same_parameter(o.clip_rate, "rate", "clip-rate");
    same_parameter(o.count_noise, "count_noise", "count-noise");
  }
  same(o.insecure_test_seed.has_value() != h.keys_are_secret, "insecure-test-seed");
  if (result_.certificate) same(result_.certificate->clip_norm == o.clip_norm, "clip-norm");
  // A certificate rounds up to four decimals.
  if (o.epsilon && result_.certificate && result_.certificate->planned.epsilon > *o.epsilon + 1e-4)
    throw Fails{fmt::format("config.toml asks for epsilon {}, and the certificate states {}", *o.epsilon,
                            result_.certificate->planned.epsilon)};
  if (checkpoint_hash_ && result_.ledger->schema != 1) {
    const models::Metadata metadata = models::SafetensorsFile::map(folder_.checkpoint()).metadata();
    const auto declared = metadata.find("declared");
    if (declared == metadata.end() || declared->second != declaration_sha256(o, folder_))
      throw Fails{"config.toml, or a file that tells of the records or the model, is another than when the run began"};
  }
  return "config.toml declares what the ledger and the checkpoint hold";
}

// The numbers of the evaluations on private records, which are charged one after the other.
void Verifier::take_evaluation(const nlohmann::json& line, int64_t& last) const {
  const bool tells =
      std::ranges::any_of(line.items(), [](const auto& item) { return item.key().starts_with(kPrivateMetricPrefix); });
  if (!tells) return;
  const auto number = line.find(kPrivateEvaluation);
  if (number == line.end() || !number->is_number_integer())
    throw Fails{"they tell of private records and not by which evaluation", ExitCode::bad_data};
  if (number->get<int64_t>() <= last)
    throw Fails{fmt::format("they tell of evaluation {} of the private records after evaluation {}: one charge, more "
                            "than one release",
                            number->get<int64_t>(), last),
                ExitCode::bad_data};
  last = number->get<int64_t>();
}

// That the rule by which the run says it ended ended it there, and not before.
void Verifier::check_early_stop(const privacy::Certificate& c) const {
  const std::vector<double> released = released_accuracies(folder_.metrics());
  const double deviation = privacy::metric_deviation(c.evaluations->noise_multiplier, c.dataset_size_declared);
  const auto ends = [&](std::size_t count) {
    return nothing_better(std::span(released).first(count), deviation, *c.stopped_after_evaluations);
  };
  if (released.empty() || !ends(released.size()) || ends(released.size() - 1))
    throw Fails{"the run did not end where the rule of --stop-early ends it by the accuracies that they tell of",
                ExitCode::bad_data};
}

// A step that was evaluated was charged, and so was every evaluation on private records.
Verifier::Finding Verifier::metrics() {
  if (!result_.ledger || !is_there(folder_.metrics())) return nothing("there are none");
  const ToldByMetrics told = told_by_metrics(folder_.metrics());
  if (told.step > result_.ledger->steps_charged())
    throw Fails{fmt::format("they tell of step {}, and the ledger of {}: it was cut or wound back", told.step,
                            count(result_.ledger->steps_charged(), "step"))};
  if (told.goes_back)
    throw Fails{"they tell of a step after a later one: the ledger was wound back in between, or they were edited"};
  std::istringstream lines(file_text(folder_.metrics()));
  int64_t evaluation = 0;
  for (std::string line; std::getline(lines, line);) {
    const auto json = nlohmann::json::parse(line, nullptr, false);
    if (json.is_object()) take_evaluation(json, evaluation);
  }
  if (evaluation > result_.ledger->evaluations_charged)
    throw Fails{fmt::format("they tell of evaluation {} of the private records, and the ledger of {}", evaluation,
                            count(result_.ledger->evaluations_charged, "evaluation"))};
  if (result_.current && result_.certificate->stopped_after_evaluations) check_early_stop(*result_.certificate);
  return evaluation == 0 ? "of no step that was not charged"
                         : "of no step and no evaluation on private records that was not charged";
}

Verifier::Finding Verifier::files() {
  if (!result_.certificate) return nothing("the certificate will state their hashes");
  if (result_.certificate->schema == 1) return nothing("a certificate of schema 1 states no hashes");
  if (!result_.current) return nothing("the certificate is of before");
  const std::map<std::string, std::string>& stated = result_.certificate->files;
  const std::map<std::string, std::string> found = run_file_hashes(folder_);
  std::vector<std::string> wrong;
  for (const auto& [name, hash] : stated) {
    const auto file = found.find(name);
    if (file == found.end())
      wrong.push_back(name + " is missing");
    else if (file->second != hash)
      wrong.push_back(name + " was changed");
  }
  for (const auto& [name, hash] : found)
    if (!stated.contains(name)) wrong.push_back(name + " is not of this run");
  if (!wrong.empty()) throw Fails{fmt::format("{}", fmt::join(wrong, ", "))};
  return fmt::format("{} with the hashes that the certificate states",
                     count(static_cast<int64_t>(stated.size()), "file"));
}

}  // namespace sotto::tools

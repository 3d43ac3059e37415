#include <fmt/format.h>
#include <sotto/privacy/adaptive_clipping.h>
#include <sotto/privacy/certificate.h>
#include <sotto/privacy/certificate_text.h>
#include <sotto/privacy/error.h>
#include <sotto/privacy/sha256.h>

#include <cmath>

namespace sotto::privacy {
namespace {

constexpr std::string_view kAdaptive = "adaptive";  // the rule

void require(bool condition, const char* field, const std::string& value, const char* allowed) {
  if (!condition) throw UsageError(fmt::format("[Certificate] {}: {}; {}", field, value, allowed));
}

void check_positive(const char* field, double value) {
  require(std::isfinite(value) && value > 0, field, fmt::format("{}", value), "must be finite and above 0");
}

void check_text(const char* field, const std::string& value) {
  require(!value.empty(), field, "empty", "must be stated");
}

void check_figure(const char* field, const CertifiedFigure& figure, std::int64_t least_steps) {
  require(figure.steps >= least_steps && figure.steps <= kMaxCount, field, fmt::format("{} steps", figure.steps),
          "must be a number of steps");
  require(std::isfinite(figure.epsilon) && figure.epsilon >= 0, field, fmt::format("epsilon {}", figure.epsilon),
          "must be finite and at least 0");
  require(figure.delta > 0 && figure.delta < 1, field, fmt::format("delta {}", figure.delta), "must be in (0, 1)");
}

std::string neighbours(Adjacency adjacency, std::string_view unit) {
  switch (adjacency) {
    case Adjacency::add_remove:
      return fmt::format("by the addition or removal of one {}", unit);
    case Adjacency::zero_out:
      return fmt::format("by the replacement of one {0} by a null {0}", unit);
    case Adjacency::replace_one:
      return fmt::format("by the replacement of one {} by another", unit);
  }
  throw InternalError("[Certificate] unknown adjacency");
}

// That the two noises are there, that the rule states them too, and that the noise multiplier follows from them.
void check_adaptive_clipping(const Certificate& c) {
  const bool adaptive = c.weight_rule == kAdaptive;
  require(adaptive == c.adaptive_clipping.has_value(), "adaptive_clipping",
          c.adaptive_clipping ? "stated" : "not stated", "must be stated of the rule adaptive, and of no other");
  if (!adaptive) return;
  require(c.schema != 1, "adaptive_clipping", "stated", "schema 1 has none");
  require(!c.lattice, "adaptive_clipping", "of discrete noise", "its noise is normal");
  require(c.weight_rule_bound == 1, "weight_rule_bound", fmt::format("{}", c.weight_rule_bound),
          "must be 1, in units of the clip norm");
  const auto parameter = [&](const char* name) {
    const auto found = c.weight_rule_parameters.find(name);
    require(found != c.weight_rule_parameters.end(), "weight_rule_parameters", fmt::format("no {}", name),
            "must have clip_norm, quantile, rate and count_noise");
    return found->second;
  };
  const double quantile = parameter("quantile"), rate = parameter("rate");
  require(quantile > 0 && quantile < 1, "quantile", fmt::format("{}", quantile), "must be in (0, 1)");
  check_positive("rate", rate);
  require(parameter("clip_norm") == c.clip_norm, "clip_norm", fmt::format("{}", c.clip_norm),
          "must be the first one of the rule");
  check_positive("gradient_noise_multiplier", c.adaptive_clipping->gradient_noise_multiplier);
  check_positive("count_noise", c.adaptive_clipping->count_noise);
  require(parameter("count_noise") == c.adaptive_clipping->count_noise, "count_noise",
          fmt::format("{}", c.adaptive_clipping->count_noise), "must be that of the rule");
  const double joint =
      joint_noise_multiplier(c.adaptive_clipping->gradient_noise_multiplier, c.adaptive_clipping->count_noise);
  require(c.noise_multiplier <= joint, "noise_multiplier", fmt::format("{}", c.noise_multiplier),
          fmt::format("must be at most {}, that of both noises together", joint).c_str());
}

std::string adaptive_text(const Certificate& c, std::string_view unit) {
  return fmt::format(
      "limits the contribution of a {0} to the clip norm of the step by the rule adaptive, and adds Gaussian noise of "
      "standard deviation {1} times that norm to every coordinate of the sum; it counts the {0}s whose gradients have "
      "at most that norm, less half of the {0}s that take part, and adds Gaussian noise of standard deviation {2} to "
      "the count. Sum and count, of the same {0}s, are together one Gaussian release with noise multiplier {3}, from "
      "which the epsilon is computed. The first clip norm is {4}; every later one follows from the noised counts of "
      "the steps before it, moves towards the norm that a share of {5} of the gradients does not exceed, and may be "
      "published. ",
      unit, c.adaptive_clipping->gradient_noise_multiplier, c.adaptive_clipping->count_noise, c.noise_multiplier,
      c.clip_norm, c.weight_rule_parameters.at("quantile"));
}

// How one step bounds, sums and noises what a unit contributes.
std::string mechanism_text(const Certificate& c, std::string_view unit) {
  if (c.adaptive_clipping) return adaptive_text(c, unit);
  if (!c.lattice)
    return fmt::format(
        "limits the contribution of a {0} to norm {1} by the rule {2}, and adds Gaussian noise of standard deviation "
        "{3} times that norm to every coordinate of the sum. ",
        unit, c.weight_rule_bound, c.weight_rule, c.noise_multiplier);
  return fmt::format(
      "limits the contribution of a {0} to norm {1} by the rule {2}, scales and rounds it to integers whose squared "
      "norm, computed exactly, is at most {4}, sums these integers exactly, and adds an exact sample of the discrete "
      "Gaussian law with variance parameter {5}, the square of {3} times the largest norm, to every coordinate of the "
      "sum. Sum and noise are integers until they are added: the release is secure against attacks on the low-order "
      "bits of floating-point noise. ",
      unit, c.weight_rule_bound, c.weight_rule, c.noise_multiplier, c.lattice->squared_norm, c.lattice->variance);
}

void check_certified(const CertifiedEvaluations& e, const Certificate& c) {
  require(c.schema != 1, "evaluations", "stated", "schema 1 has none");
  require(!c.selection, "evaluations", "stated", "the best of several runs has none");
  require(!c.lattice, "evaluations", "stated", "a run with discrete noise has none");
  require(e.planned >= 1 && e.planned <= c.planned.steps, "evaluations planned", fmt::format("{}", e.planned),
          "must be in [1, the planned steps]");
  require(e.executed >= 0 && e.executed <= e.planned, "evaluations executed", fmt::format("{}", e.executed),
          "must be in [0, those planned]");
  check_positive("evaluations noise_multiplier", e.noise_multiplier);
  check_positive("evaluations largest_loss", e.largest_loss);
}

std::string evaluations_text(const Certificate& c, std::string_view unit) {
  const CertifiedEvaluations& e = *c.evaluations;
  return fmt::format(
      "Besides the steps, {0} of {1} planned evaluations of the model on all private records were charged. Each sums "
      "two numbers of every {2}, the share of its labels that the model finds and its mean loss up to {3} as a share "
      "of {3}, both divided by the square root of 2, so that one {2} contributes a vector of norm at most 1; Gaussian "
      "noise of standard deviation {4} is added to both sums. Metrics of private records that this run tells of follow "
      "from these sums and the declared size alone: the noise of an accuracy has standard deviation {5:.4g}. ",
      e.executed, e.planned, unit, e.largest_loss, e.noise_multiplier,
      metric_deviation(e.noise_multiplier, c.dataset_size_declared));
}

std::string executed_text(const Certificate& c) {
  if (c.executed.steps == c.planned.steps) return "All planned steps were executed. ";
  const std::string figure =
      fmt::format("({}, {})", certificate_text::rounded_up(c.executed.epsilon), c.executed.delta);
  if (!c.stopped_after_evaluations)
    return fmt::format(
        "{} of the planned steps were executed; for these the figure is {}, which may be quoted only if {}. ",
        c.executed.steps, figure, certificate_text::kStoppingCondition);
  return fmt::format(
      "The run ended by itself after {} of the planned steps, since in {} evaluations one after the other the noisy "
      "accuracy did not exceed its reference by more than the standard deviation of its noise; the reference is the "
      "first one, and then each that exceeded it by more than that. This looked at released metrics alone, so that the "
      "figure for the planned steps and evaluations holds; the figure for what was executed, {}, may not be quoted, "
      "because the stopping time depended on outputs of the run. ",
      c.executed.steps, *c.stopped_after_evaluations, figure);
}

// Where the figures come from, and of a selection on what they rest.
std::string source_of_epsilon(const Certificate& c) {
  if (!c.selection)
    return fmt::format("The epsilon is an upper bound computed by accountant {} version {}.", c.accountant_name,
                       c.accountant_version);
  const bool poisson = std::holds_alternative<PoissonRuns>(c.selection->runs);
  return fmt::format(
      "The run is the one with the best {} among a number of runs that was drawn from {}; each of them took its "
      "settings from {} candidates that were fixed before, uniformly and with replacement, and was as private as this "
      "one. The epsilon is an upper bound for all of that, from the Renyi divergences of one run by theorem {} of "
      "Papernot and Steinke (ICLR 2022); it holds only if this is the run that the selection returned, and of the "
      "others nothing is told, neither their number nor the time that they took.",
      c.selection->score, to_text(c.selection->runs), c.selection->candidates, poisson ? 6 : 2);
}

}  // namespace

std::vector<std::string> standard_exclusions(Noise noise, bool selection, bool evaluations) {
  return {selection ? "the choice of the candidates, and any choice by other runs on the same data than those of the "
                      "selection"
                    : "the choice of hyper-parameters by other runs on the same data",
          "vocabularies, normalisation and other statistics taken from the data before training",
          evaluations ? "metrics, logs and diagnostics computed on private data, other than the noisy metrics of the "
                        "planned evaluations, which are covered"
                      : "metrics, logs and diagnostics computed on private data",
          evaluations ? "a number of steps that was chosen after looking at results of this run, other than by its own "
                        "early stop"
                      : "a number of steps that was chosen after looking at results of this run",
          "records that reach the model past LibTorch's operators: raw pointers, replaced storage, other threads",
          "the time that steps take",
          noise == Noise::normal ? "the rounding of floating-point sums and noise, and attacks on it"
                                 : "how long the samples of the noise take to draw, which depends on them"};
}

void validate(const Certificate& c) {
  require(c.schema == 1 || c.schema == kCertificateSchema, "schema", fmt::format("{}", c.schema), "must be 1 or 2");
  require(c.run.empty() == (c.schema == 1), "run", "'" + c.run + "'", "must be that of the ledger; schema 1 has none");
  require(c.schema != 1 || c.files.empty(), "files", fmt::format("{} files", c.files.size()), "schema 1 has none");
  for (const auto& [name, hash] : c.files)
    require(!name.empty() && is_sha256_hex(hash), "files", fmt::format("'{}': '{}'", name, hash),
            "must have names and 64 lower-case hexadecimal digits");
  check_text("sotto_version", c.sotto_version);
  require(c.adjacency.has_value(), "adjacency", "not set", "it has no default");
  check_text("accountant name", c.accountant_name);
  check_text("accountant version", c.accountant_version);
  check_positive("noise_multiplier", c.noise_multiplier);
  if (c.lattice) {
    require(c.schema != 1, "lattice", "set", "schema 1 has none");
    const double of_lattice = lattice_step(1, *c.lattice).mechanism.noise_multiplier;
    require(c.noise_multiplier == of_lattice, "noise_multiplier", fmt::format("{}", c.noise_multiplier),
            "must be that of the lattice's integers");
  }
  require(c.sampling_rate > 0 && c.sampling_rate <= 1, "sampling_rate", fmt::format("{}", c.sampling_rate),
          "must be in (0, 1]");
  require(c.dataset_size_declared >= 1 && c.dataset_size_declared <= kMaxCount, "dataset_size_declared",
          fmt::format("{}", c.dataset_size_declared), "must be in [1, 2^53]");
  check_positive("expected_batch_size", c.expected_batch_size);
  const double product = c.sampling_rate * static_cast<double>(c.dataset_size_declared);
  require(std::abs(c.expected_batch_size - product) <= 1e-9 * product, "expected_batch_size",
          fmt::format("{}", c.expected_batch_size), "must be sampling_rate times dataset_size_declared");
  check_positive("clip_norm", c.clip_norm);
  check_text("weight_rule", c.weight_rule);
  for (const auto& [name, value] : c.weight_rule_parameters)
    require(!name.empty() && std::isfinite(value), "weight_rule_parameters", fmt::format("{} = {}", name, value),
            "must have names and finite values");
  check_positive("weight_rule_bound", c.weight_rule_bound);
  check_adaptive_clipping(c);
  check_figure("planned", c.planned, 1);
  check_figure("executed", c.executed, 0);
  require(c.executed.steps <= c.planned.steps, "executed", fmt::format("{} steps", c.executed.steps),
          "must not exceed the planned steps; the planned figure would not cover them");
  require(c.executed.delta == c.planned.delta, "executed", fmt::format("delta {}", c.executed.delta),
          "must be the planned delta");
  require(c.executed.epsilon <= c.planned.epsilon, "executed", fmt::format("epsilon {}", c.executed.epsilon),
          "must not exceed the planned epsilon");
  if (c.evaluations) check_certified(*c.evaluations, c);
  require(!c.stopped_after_evaluations || c.evaluations.has_value(), "stopped_after_evaluations", "set",
          "must have evaluations that it was stopped by");
  if (c.stopped_after_evaluations) {
    require(*c.stopped_after_evaluations >= 1 && *c.stopped_after_evaluations <= kMaxCount, "stopped_after_evaluations",
            fmt::format("{}", *c.stopped_after_evaluations), "must be in [1, 2^53]");
    require(c.executed.steps < c.planned.steps, "stopped_after_evaluations", "set",
            "must be a run that ended before its planned steps");
  }
  if (c.selection) {
    require(c.schema != 1, "selection", "stated", "schema 1 has none");
    validate(c.selection->runs);
    require(c.selection->candidates >= 1 && c.selection->candidates <= kMaxCount, "selection candidates",
            fmt::format("{}", c.selection->candidates), "must be in [1, 2^53]");
    check_text("selection score", c.selection->score);
  }
  check_text("input_scaling", c.input_scaling);
  require(!c.not_covered.empty(), "not_covered", "empty", "no run covers everything");
  for (const std::string& clause : c.not_covered) check_text("not_covered", clause);
  check_text("noise_generator", c.noise_generator);
  check_text("key_source", c.key_source);
  if (c.not_private) check_text("not_private", *c.not_private);
  require(c.ledger_records >= 1, "ledger_records", fmt::format("{}", c.ledger_records), "must be at least 1");
  require(is_sha256_hex(c.ledger_head_hash), "ledger_head_hash", "'" + c.ledger_head_hash + "'",
          "must be 64 lower-case hexadecimal digits");
}

std::string statement(const Certificate& c) {
  validate(c);
  if (c.not_private)
    return fmt::format("NOT PRIVATE: {}. No privacy guarantee may be quoted for this run.", *c.not_private);
  const auto epsilon = [](double value) { return certificate_text::rounded_up(value); };
  const std::string_view unit = c.group.empty() ? "record" : "group";
  std::string text = fmt::format(
      "Everything released from the noised gradient sums of this run, the trained model and all its checkpoints "
      "included, {}is ({}, {})-differentially private for the {} planned steps{}. Two data sets are neighbours when "
      "they differ {}; the unit of privacy is one {}. ",
      c.evaluations ? "together with the noisy metrics of its private records, " : "", epsilon(c.planned.epsilon),
      c.planned.delta, c.planned.steps,
      c.selection     ? std::string(" and its choice among other runs")
      : c.evaluations ? fmt::format(" and {} planned evaluations", c.evaluations->planned)
                      : std::string(),
      neighbours(*c.adjacency, unit), unit);
  if (!c.group.empty()) text += fmt::format("A group is {}. ", c.group);
  text += fmt::format("Each step includes every {} independently with probability {} ({} expected of {} declared), ",
                      unit, c.sampling_rate, c.expected_batch_size, c.dataset_size_declared);
  text += mechanism_text(c, unit);
  if (c.evaluations) text += evaluations_text(c, unit);
  text += source_of_epsilon(c) + " " + executed_text(c);
  text += fmt::format("Before training, records were scaled: {}. ", c.input_scaling);
  text += "Not covered: ";
  for (std::size_t i = 0; i < c.not_covered.size(); ++i) text += (i > 0 ? "; " : "") + c.not_covered[i];
  return text + ".";
}

void write_certificate(const std::filesystem::path& path, const Certificate& certificate,
                       const BeforeRename& before_rename) {
  const std::string text = to_json(certificate);
  const std::string_view piece = text;
  write_file_atomically(path, std::span(&piece, 1), before_rename);
}

}  // namespace sotto::privacy

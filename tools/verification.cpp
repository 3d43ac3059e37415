#include <fmt/format.h>
#include <fmt/ranges.h>
#include <sotto/models/safetensors.h>
#include <sotto/privacy/adaptive_clipping.h>
#include <sotto/privacy/certificate_text.h>
#include <sotto/privacy/error.h>
#include <sotto/privacy/sha256.h>
#include <sotto/privacy/signature.h>
#include <sotto/tools/checkpoint_anchor.h>
#include <sotto/tools/declaration.h>
#include <sotto/tools/file_text.h>
#include <sotto/tools/learning_curve.h>
#include <sotto/tools/numbers.h>
#include <sotto/tools/recomputed_epsilon.h>
#include <sotto/tools/run_files.h>
#include <sotto/tools/run_options.h>
#include <sotto/tools/tuning_record.h>
#include <sotto/tools/verification.h>

#include <algorithm>
#include <functional>
#include <nlohmann/json.hpp>
#include <sstream>

namespace sotto::tools {
namespace {

using privacy::Certificate;
using privacy::LedgerContents;

std::string count(int64_t number, const char* noun) {
  return fmt::format("{} {}{}", number, noun, number == 1 ? "" : "s");
}

// One folder, one check after the other.
class Verifier {
 public:
  Verifier(const RunFolder& folder, const VerifyOptions& options) : folder_(folder), options_(options) {}

  Verification run() {
    // Before the ledger: their records are written before they take their names, so that a run which goes on meanwhile
    // is no contradiction.
    if (is_there(folder_.certificate())) certificate_text_ = file_text(folder_.certificate());
    if (is_there(folder_.checkpoint())) checkpoint_hash_ = privacy::sha256_of_file(folder_.checkpoint());
    check("ledger", ExitCode::ledger_refused, [this] { return ledger(); });
    check("privacy", ExitCode::bad_data, [this] { return is_private(); });
    check("keys", ExitCode::ledger_refused, [this] { return keys(); });
    check("steps", ExitCode::ledger_refused, [this] { return steps(); });
    check("certificate", ExitCode::bad_data, [this] { return certificate(); });
    check("head", ExitCode::ledger_refused, [this] { return head(); });
    check("tuning", ExitCode::bad_data, [this] { return tuning(); });
    check("epsilon", ExitCode::bad_data, [this] { return epsilon(); });
    check("checkpoint", ExitCode::bad_data, [this] { return checkpoint(); });
    check("configuration", ExitCode::bad_data, [this] { return configuration(); });
    check("metrics", ExitCode::ledger_refused, [this] { return metrics(); });
    check("files", ExitCode::bad_data, [this] { return files(); });
    if (!options_.public_key.empty()) check("signature", ExitCode::bad_data, [this] { return signature(); });
    if (!options_.anchor.empty()) check("anchor", ExitCode::ledger_refused, [this] { return anchor(); });
    return std::move(result_);
  }

 private:
  // What holds, or nothing where there is nothing to check; what fails is thrown.
  using Finding = std::optional<std::string>;
  struct Fails {
    std::string text;
    std::optional<ExitCode> code = {};
  };

  void check(const char* subject, ExitCode code, const std::function<Finding()>& body) {
    Check found;
    found.subject = subject;
    absent_.clear();
    try {
      const Finding finding = body();
      found.outcome = finding ? Check::Outcome::holds : Check::Outcome::absent;
      found.text = finding.value_or(absent_);
    } catch (const Fails& fails) {
      found = {subject, Check::Outcome::fails, fails.text, fails.code.value_or(code)};
    } catch (const LedgerError& error) {
      found = {subject, Check::Outcome::fails, error.what(), error.code()};
    } catch (const DataError& error) {
      found = {subject, Check::Outcome::fails, error.what(), code};
    } catch (const UsageError& error) {
      found = {subject, Check::Outcome::fails, error.what(), code};
    }
    result_.checks.push_back(std::move(found));
  }

  Finding nothing(std::string why) {
    absent_ = std::move(why);
    return std::nullopt;
  }

  Finding ledger() {
    if (!is_there(folder_.ledger()))
      throw is_there(folder_.not_private()) && !is_there(folder_.certificate())
          ? Fails{"there is none: this run charged nothing", ExitCode::bad_data}
          : Fails{"ledger.jsonl is missing: nothing is known of what was spent"};
    text_ = file_text(folder_.ledger());
    result_.ledger = privacy::parse_ledger(text_, "ledger.jsonl");
    const LedgerContents& l = *result_.ledger;
    std::string text =
        fmt::format("{} in one chain, {} charged", count(l.records, "record"), count(l.steps_charged(), "step"));
    if (l.header.evaluations) text += fmt::format(" and {}", count(l.evaluations_charged, "evaluation"));
    if (l.torn)
      text += fmt::format("; the last record is torn and counts as {}",
                          count(static_cast<int64_t>(l.torn_releases.size()), "step")) +
              (l.torn_evaluation ? " and an evaluation" : "");
    return text;
  }

  Finding is_private() {
    if (is_there(folder_.not_private())) {
      std::string reason = file_text(folder_.not_private());
      while (!reason.empty() && reason.back() == '\n') reason.pop_back();
      throw Fails{reason};
    }
    if (result_.ledger && !result_.ledger->header.keys_are_secret)
      throw Fails{"NOT PRIVATE: the keys of this run came from a seed, and NOT_PRIVATE.txt, which says so, is missing"};
    if (!result_.ledger) return nothing("nothing is known without a ledger");
    return "no mark of a run without privacy";
  }

  Finding keys() {
    if (!result_.ledger) return nothing("they are in the ledger");
    const std::vector<privacy::LedgerIncarnation>& all = result_.ledger->incarnations;
    const auto starts = static_cast<int64_t>(all.size());
    if (!result_.ledger->header.keys_are_secret) return nothing("those of a test");
    for (size_t i = 0; i < all.size(); ++i)
      for (size_t before = 0; before < i; ++before) {
        if (all[before].noise_key == all[i].noise_key || all[before].sampler_key == all[i].sampler_key)
          throw Fails{fmt::format("starts {} and {} had the same key: noise was drawn twice", before + 1, i + 1)};
        if (all[before].time > all[i].time)
          throw Fails{fmt::format("start {} is of {}, after that of start {}", before + 1, all[before].time, i + 1)};
      }
    return starts == 1 ? "one start, one key of the noise"
                       : fmt::format("{} starts, each with a key of its own, in the order of their times", starts);
  }

  Finding steps() {
    if (!result_.ledger) return nothing("they are in the ledger");
    const LedgerContents& l = *result_.ledger;
    if (l.steps_charged() > l.header.steps)
      throw Fails{fmt::format("{} charged, and {} planned", l.steps_charged(), l.header.steps)};
    for (const privacy::LedgerRelease& release : l.releases)
      if (!same_parameters(release, l.releases[0]))
        throw Fails{"steps of another noise, rate or sensitivity than planned were charged"};
    std::string text =
        fmt::format("{} of {} planned, each as planned: sampling rate {}, noise multiplier {}", l.steps_charged(),
                    l.header.steps, l.header.event.sampling_rate, l.header.event.mechanism.noise_multiplier);
    if (const auto& lattice = l.header.event.lattice)
      text += fmt::format(" of discrete noise, the root of {} / {}", lattice->variance, lattice->squared_norm);
    if (l.header.weight_rule == "adaptive") text += adaptive_noises(l.header);
    if (const auto& e = l.header.evaluations)
      text += fmt::format("; {} of {} planned evaluations on private records, noise multiplier {}",
                          l.evaluations_charged, e->count, e->noise_multiplier);
    return text;
  }

  // Of a ledger that states one noise multiplier for sum and count: what is left for the sum.
  static std::string adaptive_noises(const privacy::LedgerHeader& h) {
    const auto count_noise = h.weight_rule_parameters.find("count_noise");
    if (count_noise == h.weight_rule_parameters.end() || h.sensitivity != 1 || h.event.lattice)
      throw Fails{
          "a rule adaptive must state the noise of its count, a sensitivity of 1 in units of the clip norm, and normal "
          "noise"};
    try {
      return fmt::format(", of which the count has {} and the sum {}", count_noise->second,
                         privacy::gradient_noise_beside_count(h.event.mechanism.noise_multiplier, count_noise->second));
    } catch (const UsageError& error) {
      throw Fails{fmt::format("the noise multiplier does not follow from that of the count: {}", error.what())};
    }
  }

  Finding certificate() {
    if (!certificate_text_) return nothing("there is none yet: the run was not finished");
    result_.certificate = privacy::parse_certificate(*certificate_text_);
    result_.certificate_text = *certificate_text_;
    const Certificate& c = *result_.certificate;
    if (!result_.ledger) throw Fails{"there is no ledger to compare it with"};
    const privacy::LedgerHeader& h = result_.ledger->header;
    if (c.schema != result_.ledger->schema)
      throw Fails{fmt::format("it is of schema {}, and the ledger of schema {}", c.schema, result_.ledger->schema)};
    if (c.schema != 1 && c.run != h.run)
      throw Fails{fmt::format("it is of run {}, and the ledger of run {}", c.run, h.run), ExitCode::ledger_refused};
    const auto same = [](bool equal, const char* what) {
      if (!equal) throw Fails{fmt::format("it states another {} than the ledger", what)};
    };
    same(c.adjacency == h.adjacency, "adjacency");
    same(!c.group.empty() == h.unit_is_group, "unit");
    same(c.dataset_size_declared == h.dataset_size, "declared size");
    same(c.sampling_rate == h.event.sampling_rate, "sampling rate");
    same(c.noise_multiplier == h.event.mechanism.noise_multiplier, "noise multiplier");
    same(c.lattice == h.event.lattice, "kind of noise");
    same(c.weight_rule_bound == h.sensitivity, "sensitivity");
    same(c.weight_rule == h.weight_rule && c.weight_rule_parameters == h.weight_rule_parameters, "weight rule");
    same(c.planned.steps == h.steps, "number of planned steps");
    same(c.planned.delta == h.delta, "delta");
    const auto& e = c.evaluations;
    same(h.evaluations ==
             (e ? std::optional(privacy::PlannedEvaluations{e->planned, e->noise_multiplier}) : std::nullopt),
         "plan of evaluations on private records");
    same(c.accountant_name == h.accountant_name && c.accountant_version == h.accountant_version, "accountant");
    same(!c.not_private.has_value() == h.keys_are_secret, "origin of the keys");
    // That its noise multiplier is one of both noises together is what parse_certificate() saw to.
    return fmt::format("its sentences follow from its figures, and these are the ledger's{}",
                       c.adaptive_clipping ? "; its noise multiplier follows from the noises of sum and count" : "");
  }

  // Where the ledger stood when the certificate was written, and that it is that certificate.
  Finding head() {
    if (!result_.certificate || !result_.ledger) return nothing("needs certificate and ledger");
    const Certificate& c = *result_.certificate;
    const LedgerContents& l = *result_.ledger;
    const std::optional<int64_t> then = privacy::steps_until(text_, c.ledger_head_hash);
    if (!then)
      throw Fails{
          "the certificate was written after a record that is not in the ledger: it was cut, wound back, or is "
          "another's"};
    const std::string hash = privacy::sha256_hex(*certificate_text_);
    const auto known = std::ranges::find(l.certificates, hash, &privacy::LedgerCertificate::sha256);
    if (l.schema != 1 && (known == l.certificates.end() || known->after != c.ledger_head_hash)) {
      // Its record follows the one that it states, unless the ledger was cut just there.
      const bool cut = l.head_hash == c.ledger_head_hash;
      throw Fails{fmt::format("the ledger does not hold the certificate's SHA-256: {}",
                              cut ? "it was cut, or the certificate changed" : "the certificate was changed"),
                  cut ? ExitCode::ledger_refused : ExitCode::bad_data};
    }
    if (*then != c.executed.steps)
      throw Fails{fmt::format("the certificate states {} and the ledger had charged {} by then",
                              count(c.executed.steps, "executed step"), *then)};
    const int64_t evaluated = privacy::evaluations_until(text_, c.ledger_head_hash).value();
    if (const int64_t stated = c.evaluations ? c.evaluations->executed : 0; evaluated != stated)
      throw Fails{fmt::format("the certificate states {} and the ledger had charged {} by then",
                              count(stated, "evaluation"), evaluated)};
    if (l.schema == 1 ? c.ledger_head_hash == l.head_hash && !l.torn : l.ends_with_certificate(hash)) {
      result_.current = true;
      return "nothing was charged, and nothing else happened, after the certificate";
    }
    if (c.executed.steps == c.planned.steps)
      throw Fails{"the ledger goes on after the certificate of all planned steps"};
    if (c.stopped_after_evaluations)
      throw Fails{"the ledger goes on after the certificate of a run that ended by itself"};
    return nothing(fmt::format("the run went on for {} after its certificate, which is of before",
                               count(l.steps_charged() - c.executed.steps, "step")));
  }

  // The record of a tuning, the certificate and the ledger tell of the same one, and this is the run that it returned.
  Finding tuning() {
    tuning_ = tuning_record_of(folder_);
    if (!tuning_) {
      if (result_.certificate && result_.certificate->selection)
        throw Fails{"the certificate is of the best of several runs, and tuning.json, which says of which, is missing"};
      return nothing("a run of its own");
    }
    if (lies_in_tuning(folder_))
      throw Fails{
          "this is one of the runs in the working folder of a tuning, which are told to nobody: only what the tuning "
          "returns may be quoted"};
    if (result_.ledger) {
      const privacy::LedgerHeader& h = result_.ledger->header;
      if (!is_of(*tuning_, h.event, h.steps, h.delta))
        throw Fails{"tuning.json planned another sampling rate, noise, number of steps or delta than the ledger"};
    }
    if (result_.certificate && result_.certificate->selection != certified(*tuning_))
      throw Fails{"tuning.json tells of another law, score or number of candidates than the certificate"};
    return fmt::format("the best of a number of runs from {}, each one of {}", privacy::to_text(tuning_->runs),
                       count(static_cast<int64_t>(tuning_->candidates.size()), "candidate"));
  }

  Finding tuned_epsilon_holds() {
    const LedgerContents& l = *result_.ledger;
    const auto bound = [&](const privacy::Phases& releases) {
      return tuned_epsilon(*tuning_, *l.header.adjacency, releases);
    };
    const double of_plan = bound({{l.header.event, l.header.steps}});
    const auto shown = [](double epsilon) { return format_rounded_up(epsilon, kShownDigits); };
    if (!result_.certificate)
      return fmt::format("{} for the whole tuning, at delta {}", shown(of_plan), l.header.delta);
    const Certificate& c = *result_.certificate;
    const auto claim_of = [&](const char* which, double claimed, double found) {
      if (found > claimed)
        throw Fails{
            fmt::format("the certificate claims {} for the {} steps and their choice among other runs, and no "
                        "less than {} is proven",
                        claimed, which, shown(found))};
    };
    claim_of("planned", c.planned.epsilon, of_plan);
    if (result_.current && c.executed.steps < c.planned.steps)
      claim_of("executed", c.executed.epsilon, std::min(bound(l.spent), of_plan));
    return fmt::format("{} for the planned steps and their choice among other runs, recomputed: {}",
                       privacy::certificate_text::rounded_up(c.planned.epsilon), shown(of_plan));
  }

  Finding epsilon() {
    if (!result_.ledger) return nothing("it is computed from the ledger");
    if (result_.code() == ExitCode::ledger_refused) return nothing("not computed from a ledger that does not hold");
    const LedgerContents& l = *result_.ledger;
    if (!l.header.keys_are_secret) return nothing("there is none: NOT PRIVATE");
    if (tuning_) return tuned_epsilon_holds();
    if (result_.certificate && result_.certificate->selection) return nothing("it rests on tuning.json");
    privacy::Phases planned = {{l.header.event, l.header.steps}};
    if (const auto& e = l.header.evaluations) planned.push_back({event_of(*e), e->count});
    const RecomputedEpsilon of_plan = recompute(planned);
    if (!result_.certificate) {
      const RecomputedEpsilon spent = recompute(l.spent);
      return fmt::format("{} for the {} charged so far, {} for all that are planned, at delta {}",
                         format_rounded_up(spent.upper, kShownDigits), count(l.steps_charged(), "step"),
                         format_rounded_up(of_plan.upper, kShownDigits), l.header.delta);
    }
    const Certificate& c = *result_.certificate;
    claim("planned", of_plan, c.planned.epsilon);
    const bool all_evaluated = !c.evaluations || c.evaluations->executed == c.evaluations->planned;
    if (result_.current && (c.executed.steps < c.planned.steps || !all_evaluated)) {
      // Fewer of the same steps lose no more, whatever the width of the brackets.
      RecomputedEpsilon spent = recompute(l.spent);
      spent.upper = std::min(spent.upper, of_plan.upper);
      claim("executed", spent, c.executed.epsilon);
    }
    return fmt::format(
        "{} for the planned steps{}, recomputed: {}{}", privacy::certificate_text::rounded_up(c.planned.epsilon),
        l.header.evaluations ? " and evaluations" : "", of_plan.text(),
        l.header.event.lattice ? ", by Renyi accounting alone: no other engine bounds discrete noise" : "");
  }

  RecomputedEpsilon recompute(const privacy::Phases& phases) const {
    return recomputed_epsilon({result_.ledger->header.adjacency, {}, privacy::Event(phases)},
                              result_.ledger->header.delta);
  }

  static void claim(const char* which, const RecomputedEpsilon& found, double epsilon) {
    if (found.refutes(epsilon))
      throw Fails{fmt::format("the certificate claims {} for the {} steps, which lose at least {}: {}", epsilon, which,
                              format_rounded_down(found.lower, kShownDigits), found.text())};
    if (!found.proves(epsilon))
      throw Fails{fmt::format("the certificate claims {} for the {} steps, and no engine proves less than {}: {}",
                              epsilon, which, format_rounded_up(found.upper, kShownDigits), found.text())};
  }

  Finding checkpoint() {
    if (!checkpoint_hash_) return nothing("there is none: the run cannot be continued");
    if (!result_.ledger) return nothing("its hash is in the ledger");
    const LedgerContents& l = *result_.ledger;
    if (l.schema == 1) return nothing("a ledger of schema 1 has no hashes of checkpoints");
    const privacy::LedgerCheckpoint found = anchored_checkpoint(folder_.checkpoint(), *checkpoint_hash_, l);
    return fmt::format("{} applied, {} charged; its hash is in the ledger", found.applied_steps, l.steps_charged());
  }

  // What config.toml declares of what the ledger holds, and of all else that a run may not change.
  Finding configuration() {
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
        throw Fails{
            "config.toml, or a file that tells of the records or the model, is another than when the run began"};
    }
    return "config.toml declares what the ledger and the checkpoint hold";
  }

  // The numbers of the evaluations on private records, which are charged one after the other.
  void take_evaluation(const nlohmann::json& line, int64_t& last) const {
    const bool tells = std::ranges::any_of(
        line.items(), [](const auto& item) { return item.key().starts_with(kPrivateMetricPrefix); });
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

  // A step that was evaluated was charged, and so was every evaluation on private records.
  Finding metrics() {
    if (!result_.ledger || !is_there(folder_.metrics())) return nothing("there are none");
    std::istringstream lines(file_text(folder_.metrics()));
    int64_t last = 0, evaluation = 0;
    for (std::string line; std::getline(lines, line);) {
      const auto json = nlohmann::json::parse(line, nullptr, false);
      if (json.is_object() && json.contains("step") && json["step"].is_number_integer())
        last = std::max(last, json["step"].get<int64_t>());
      if (json.is_object()) take_evaluation(json, evaluation);
    }
    if (last > result_.ledger->steps_charged())
      throw Fails{fmt::format("they tell of step {}, and the ledger of {}: it was cut or wound back", last,
                              count(result_.ledger->steps_charged(), "step"))};
    if (evaluation > result_.ledger->evaluations_charged)
      throw Fails{fmt::format("they tell of evaluation {} of the private records, and the ledger of {}", evaluation,
                              count(result_.ledger->evaluations_charged, "evaluation"))};
    return evaluation == 0 ? "of no step that was not charged"
                           : "of no step and no evaluation on private records that was not charged";
  }

  Finding files() {
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

  Finding signature() {
    const std::string key = privacy::public_key_fingerprint(options_.public_key);
    if (!certificate_text_) throw Fails{"there is no certificate to be signed"};
    if (!is_there(folder_.signature())) throw Fails{"there is no certificate.json.sig; sotto sign makes it"};
    if (!privacy::is_signed(*certificate_text_, file_text(folder_.signature()), options_.public_key))
      throw Fails{fmt::format("not one of the certificate by the key with fingerprint {}", key)};
    return fmt::format("of the certificate, by the key with fingerprint {}", key);
  }

  Finding anchor() {
    const LedgerAnchor kept = read_anchor(options_.anchor);
    if (!result_.ledger) return nothing("it is compared with the ledger");
    if (kept.run != result_.ledger->header.run)
      throw Fails{fmt::format("it is of run {}, and the ledger of run {}", kept.run, result_.ledger->header.run)};
    const std::optional<int64_t> then = privacy::steps_until(text_, kept.head_hash);
    if (!then)
      throw Fails{
          fmt::format("the record that it was taken after, with {} charged, is not in the ledger: it was wound "
                      "back, or two runs went on from one",
                      count(kept.steps, "step"))};
    if (*then != kept.steps)
      throw Fails{fmt::format("it states {} charged, and the ledger {}", count(kept.steps, "step"), *then)};
    return fmt::format("the ledger goes on from it: {} charged then, {} now", kept.steps,
                       result_.ledger->steps_charged());
  }

  const RunFolder& folder_;
  const VerifyOptions& options_;
  Verification result_;
  std::optional<TuningRecord> tuning_;
  std::string text_;    // of the ledger
  std::string absent_;  // why a check has nothing to check
  std::optional<std::string> certificate_text_, checkpoint_hash_;
};

}  // namespace

bool Verification::holds() const {
  return std::ranges::none_of(checks, [](const Check& c) { return c.outcome == Check::Outcome::fails; });
}

bool Verification::finished() const {
  return current &&
         (certificate->executed.steps == certificate->planned.steps || certificate->stopped_after_evaluations);
}

ExitCode Verification::code() const {
  ExitCode result = ExitCode::done;
  for (const Check& check : checks)
    if (check.outcome == Check::Outcome::fails && result != ExitCode::ledger_refused) result = check.code;
  return result;
}

std::vector<std::string> unseen_by_verification() {
  const std::string wound_back =
      "whether the whole folder was put back to an earlier state, or copied and continued twice, or the ledger of a "
      "run "
      "without a certificate was cut behind its last checkpoint: keep an anchor elsewhere (--write-anchor, --anchor)";
  return {
      wound_back, "whether all of it was written anew by somebody else: ask for a signature (sotto sign, --public-key)",
      "whether the program that wrote these files did what they say: that is what its tests and sotto audit are for",
      "other runs on the same records",
      "whether the declared number of records, and that of records of one person, are true"};
}

Verification verify_run(const RunFolder& folder, const VerifyOptions& options) {
  folder.require_run();
  if (!options.public_key.empty()) privacy::public_key_fingerprint(options.public_key);
  if (!options.anchor.empty()) read_anchor(options.anchor);
  return Verifier(folder, options).run();
}

}  // namespace sotto::tools

// What of a ledger can be seen from itself, and from an anchor that was kept elsewhere.

#include <fmt/format.h>
#include <sotto/privacy/adaptive_clipping.h>
#include <sotto/tools/file_text.h>
#include <sotto/tools/ledger_anchor.h>
#include <sotto/tools/verifier.h>

#include <vector>

namespace sotto::tools {

Verifier::Finding Verifier::ledger() {
  if (!is_there(folder_.ledger()))
    throw is_there(folder_.not_private()) && !is_there(folder_.certificate())
        ? Fails{"there is none: this run charged nothing", ExitCode::bad_data}
        : Fails{"ledger.jsonl is missing: nothing is known of what was spent"};
  text_ = file_text(folder_.ledger());
  result_.ledger = privacy::parse_ledger(text_, "ledger.jsonl");
  const privacy::LedgerContents& l = *result_.ledger;
  std::string text =
      fmt::format("{} in one chain, {} charged", count(l.records, "record"), count(l.steps_charged(), "step"));
  if (l.header.evaluations) text += fmt::format(" and {}", count(l.evaluations_charged, "evaluation"));
  if (l.torn)
    text += fmt::format("; the last record is torn and counts as {}",
                        count(static_cast<int64_t>(l.torn_releases.size()), "step")) +
            (l.torn_evaluation ? " and an evaluation" : "");
  return text;
}

Verifier::Finding Verifier::is_private() {
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

Verifier::Finding Verifier::keys() {
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

Verifier::Finding Verifier::steps() {
  if (!result_.ledger) return nothing("they are in the ledger");
  const privacy::LedgerContents& l = *result_.ledger;
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
    text += fmt::format("; {} of {} planned evaluations on private records, noise multiplier {}", l.evaluations_charged,
                        e->count, e->noise_multiplier);
  return text;
}

// Of a ledger that states one noise multiplier for sum and count: what is left for the sum.
std::string Verifier::adaptive_noises(const privacy::LedgerHeader& h) {
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

Verifier::Finding Verifier::anchor() {
  const LedgerAnchor kept = read_anchor(options_.anchor);
  if (!result_.ledger) return nothing("it is compared with the ledger");
  if (kept.run != result_.ledger->header.run)
    throw Fails{fmt::format("it is of run {}, and the ledger of run {}", kept.run, result_.ledger->header.run)};
  const std::optional<privacy::LedgerContents> then = privacy::ledger_until(text_, kept.head_hash);
  if (!then)
    throw Fails{
        fmt::format("the record that it was taken after, with {} charged, is not in the ledger: it was wound "
                    "back, or two runs went on from one",
                    count(kept.steps, "step"))};
  if (then->steps_charged() != kept.steps)
    throw Fails{
        fmt::format("it states {} charged, and the ledger {}", count(kept.steps, "step"), then->steps_charged())};
  return fmt::format("the ledger goes on from it: {} charged then, {} now", kept.steps,
                     result_.ledger->steps_charged());
}

}  // namespace sotto::tools

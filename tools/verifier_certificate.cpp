// Whether the certificate says what the ledger says, where in the ledger it stands, and who signed it.

#include <fmt/format.h>
#include <sotto/privacy/sha256.h>
#include <sotto/privacy/signature.h>
#include <sotto/tools/file_text.h>
#include <sotto/tools/verifier.h>

#include <algorithm>

namespace sotto::tools {

Verifier::Finding Verifier::certificate() {
  if (!certificate_text_) return nothing("there is none yet: the run was not finished");
  result_.certificate = privacy::parse_certificate(*certificate_text_);
  result_.certificate_text = *certificate_text_;
  const privacy::Certificate& c = *result_.certificate;
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
  same(
      h.evaluations == (e ? std::optional(privacy::PlannedEvaluations{e->planned, e->noise_multiplier}) : std::nullopt),
      "plan of evaluations on private records");
  same(c.accountant_name == h.accountant_name && c.accountant_version == h.accountant_version, "accountant");
  same(!c.not_private.has_value() == h.keys_are_secret, "origin of the keys");
  // That its noise multiplier is one of both noises together is what parse_certificate() saw to.
  return fmt::format("its sentences follow from its figures, and these are the ledger's{}",
                     c.adaptive_clipping ? "; its noise multiplier follows from the noises of sum and count" : "");
}

// Where the ledger stood when the certificate was written, and that it is that certificate.
Verifier::Finding Verifier::head() {
  if (!result_.certificate || !result_.ledger) return nothing("needs certificate and ledger");
  const privacy::Certificate& c = *result_.certificate;
  const privacy::LedgerContents& l = *result_.ledger;
  const std::optional<privacy::LedgerContents> then = privacy::ledger_until(text_, c.ledger_head_hash);
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
  if (then->steps_charged() != c.executed.steps)
    throw Fails{fmt::format("the certificate states {} and the ledger had charged {} by then",
                            count(c.executed.steps, "executed step"), then->steps_charged())};
  if (const int64_t stated = c.evaluations ? c.evaluations->executed : 0; then->evaluations_charged != stated)
    throw Fails{fmt::format("the certificate states {} and the ledger had charged {} by then",
                            count(stated, "evaluation"), then->evaluations_charged)};
  if (l.schema == 1 ? c.ledger_head_hash == l.head_hash && !l.torn : l.ends_with_certificate(hash)) {
    result_.current = true;
    return "nothing was charged, and nothing else happened, after the certificate";
  }
  if (c.executed.steps == c.planned.steps) throw Fails{"the ledger goes on after the certificate of all planned steps"};
  if (c.stopped_after_evaluations)
    throw Fails{"the ledger goes on after the certificate of a run that ended by itself"};
  return nothing(fmt::format("the run went on for {} after its certificate, which is of before",
                             count(l.steps_charged() - c.executed.steps, "step")));
}

Verifier::Finding Verifier::signature() {
  const std::string key = privacy::public_key_fingerprint(options_.public_key);
  if (!certificate_text_) throw Fails{"there is no certificate to be signed"};
  if (!is_there(folder_.signature())) throw Fails{"there is no certificate.json.sig; sotto sign makes it"};
  if (!privacy::is_signed(*certificate_text_, file_text(folder_.signature()), options_.public_key))
    throw Fails{fmt::format("not one of the certificate by the key with fingerprint {}", key)};
  return fmt::format("of the certificate, by the key with fingerprint {}", key);
}

}  // namespace sotto::tools

#include <sotto/privacy/signature.h>
#include <sotto/tools/verification.h>
#include <sotto/tools/verifier.h>

#include <algorithm>

namespace sotto::tools {

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
      "run without a certificate was cut behind its last checkpoint: keep an anchor elsewhere (--write-anchor, "
      "--anchor)";
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

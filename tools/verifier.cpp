#include <fmt/format.h>
#include <sotto/privacy/sha256.h>
#include <sotto/tools/file_text.h>
#include <sotto/tools/verifier.h>

#include <utility>

namespace sotto::tools {

Verification Verifier::run() {
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

void Verifier::check(const char* subject, ExitCode code, const std::function<Finding()>& body) {
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

Verifier::Finding Verifier::nothing(std::string why) {
  absent_ = std::move(why);
  return std::nullopt;
}

std::string Verifier::count(int64_t number, const char* noun) {
  return fmt::format("{} {}{}", number, noun, number == 1 ? "" : "s");
}

}  // namespace sotto::tools

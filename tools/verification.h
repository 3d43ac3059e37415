#pragma once
// Whether what the folder of a run says of itself is true, as far as that can be seen from the files: without LibTorch,
// without the records, and without trusting the program that wrote them.

#include <sotto/privacy/certificate.h>
#include <sotto/privacy/error.h>
#include <sotto/privacy/ledger_contents.h>
#include <sotto/tools/ledger_anchor.h>
#include <sotto/tools/run_folder.h>

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace sotto::tools {

struct Check {
  enum class Outcome { holds, fails, absent };  // absent: there is nothing to check, and nothing has to be there

  std::string subject;
  Outcome outcome = Outcome::absent;
  std::string text;
  ExitCode code = ExitCode::done;  // of one that fails: 78 for the ledger, 65 for everything else
};

struct VerifyOptions {
  std::filesystem::path public_key;  // of the one who signed the certificate; empty: signatures are not looked at
  std::filesystem::path anchor;      // ledger_anchor.h; empty: none
};

struct Verification {
  std::vector<Check> checks;
  std::optional<privacy::LedgerContents> ledger;    // where it reads
  std::optional<privacy::Certificate> certificate;  // where there is one that reads

  std::string certificate_text;  // of that
  bool current = false;          // the ledger ends with that certificate

  bool holds() const;  // no check failed
  // Of a run that is NOT PRIVATE, a check fails: nothing may be quoted.
  bool finished() const;  // there is a certificate, and the ledger ends where it says, after the planned steps
  ExitCode code() const;  // ledger_refused where a check of the ledger failed, else bad_data where any did
};

// What no check here can see.
std::vector<std::string> unseen_by_verification();

// Checks, in this order: ledger, privacy, keys, steps, certificate, head, tuning, epsilon, checkpoint, configuration,
// metrics, files, and with the options signature and anchor. Throws UsageError when there is no such folder, or it
// holds no run; IoError and DataError when key or anchor cannot be read.
Verification verify_run(const RunFolder& folder, const VerifyOptions& options = {});

}  // namespace sotto::tools

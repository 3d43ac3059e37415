#pragma once
// The checks of verify_run(), one after the other, on the folder of one run. What one of them reads, the later ones
// use. Part of verification.h, not for others.

#include <sotto/privacy/error.h>
#include <sotto/privacy/event.h>
#include <sotto/privacy/ledger_contents.h>
#include <sotto/tools/recomputed_epsilon.h>
#include <sotto/tools/run_folder.h>
#include <sotto/tools/tuning_record.h>
#include <sotto/tools/verification.h>

#include <cstdint>
#include <functional>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>

namespace sotto::tools {

class Verifier {
 public:
  // Both must outlive it.
  Verifier(const RunFolder& folder, const VerifyOptions& options) : folder_(folder), options_(options) {}

  // Once.
  Verification run();

 private:
  // What holds, or nothing where there is nothing to check; what fails is thrown.
  using Finding = std::optional<std::string>;
  struct Fails {
    std::string text;
    std::optional<ExitCode> code = {};
  };

  // Adds what `body` finds; a failure has `code` unless it says another.
  void check(const char* subject, ExitCode code, const std::function<Finding()>& body);
  Finding nothing(std::string why);
  static std::string count(int64_t number, const char* noun);

  // verifier_ledger.cpp
  Finding ledger();
  Finding is_private();
  Finding keys();
  Finding steps();
  static std::string adaptive_noises(const privacy::LedgerHeader& h);
  Finding anchor();

  // verifier_certificate.cpp
  Finding certificate();
  Finding head();
  Finding signature();

  // verifier_epsilon.cpp
  Finding tuning();
  Finding tuned_epsilon_holds();
  Finding epsilon();
  RecomputedEpsilon recompute(const privacy::Phases& phases) const;
  static void claim(const char* which, const RecomputedEpsilon& found, double epsilon);

  // verifier_files.cpp
  Finding checkpoint();
  Finding configuration();
  void take_evaluation(const nlohmann::json& line, int64_t& last) const;
  void check_early_stop(const privacy::Certificate& certificate) const;
  Finding metrics();
  Finding files();

  const RunFolder& folder_;
  const VerifyOptions& options_;
  Verification result_;
  std::optional<TuningRecord> tuning_;
  std::string text_;    // of the ledger
  std::string absent_;  // why a check has nothing to check
  std::optional<std::string> certificate_text_, checkpoint_hash_;
};

}  // namespace sotto::tools

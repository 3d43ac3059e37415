#pragma once
// What the training library of tuning_probe.cpp is told, by its environment.

namespace sotto::tools::testing {

// A file of which every run takes the first line: "" (it goes through), "kill" (halfway), "kill at once", "kill before
// the certificate", "kill at the end", "interrupt" (halfway, by a signal that it notices), "diverge" (halfway), "fail"
// (before anything is charged).
inline constexpr const char* kProbeScript = "SOTTO_TUNING_SCRIPT";
// A file to which every job adds a line: train, resume or dry_run.
inline constexpr const char* kProbeLog = "SOTTO_TUNING_LOG";

}  // namespace sotto::tools::testing

#include <fmt/format.h>
#include <sotto/privacy/atomic_file.h>
#include <sotto/privacy/error.h>
#include <sotto/tools/verification.h>
#include <sotto/tools/verify_command.h>

#include <memory>
#include <nlohmann/json.hpp>
#include <ostream>
#include <string>

namespace sotto::tools {
namespace {

using Json = nlohmann::ordered_json;

constexpr const char* kVerifyExample = R"(Examples:
  $ sotto verify runs/first
  $ sotto verify runs/first --write-anchor first.anchor      # keep it elsewhere, with the reviewer say
  $ sotto verify runs/first --anchor first.anchor --public-key public.pem

Nothing is trained or loaded: the ledger is read record by record, epsilon is computed anew from it by every engine, and
certificate, checkpoint, configuration and the run's files are compared with it. Exit code 0: all that can be checked holds.
78: the ledger is missing, cut, changed, another's, or goes on where it should end. 65: anything else does not hold, or the run
is NOT PRIVATE. A run that is not finished holds as far as it goes.
)";

const char* word(Check::Outcome outcome) {
  switch (outcome) {
    case Check::Outcome::holds:
      return "holds";
    case Check::Outcome::fails:
      return "FAILS";
    case Check::Outcome::absent:
      break;
  }
  return "-";
}

// What may be quoted, or why nothing may.
std::string verdict(const Verification& found) {
  if (!found.holds()) return "NOT VERIFIED: nothing may be quoted of this run";
  if (found.finished()) return fmt::format("verified: {}", privacy::statement(*found.certificate));
  return "holds as far as it goes: the run is not finished, and nothing may be quoted of it yet";
}

std::string to_text(const Verification& found) {
  std::string text;
  for (const Check& check : found.checks)
    text += fmt::format("{:<14} {:<6} {}\n", check.subject, word(check.outcome), check.text);
  text += "cannot be seen from these files:\n";
  for (const std::string& clause : unseen_by_verification()) text += fmt::format("  {}\n", clause);
  return text + verdict(found) + '\n';
}

std::string to_json(const Verification& found) {
  Json json = {{"holds", found.holds()}, {"finished", found.finished()}};
  json["statement"] = nullptr;
  if (found.holds() && found.finished()) json["statement"] = privacy::statement(*found.certificate);
  json["checks"] = Json::array();
  for (const Check& check : found.checks) {
    const char* outcome = check.outcome == Check::Outcome::fails   ? "fails"
                          : check.outcome == Check::Outcome::holds ? "holds"
                                                                   : "absent";
    json["checks"].push_back({{"subject", check.subject}, {"outcome", outcome}, {"text", check.text}});
  }
  json["unseen"] = unseen_by_verification();
  return json.dump(2, ' ', false, Json::error_handler_t::replace) + '\n';
}

}  // namespace

void add_verify_command(CLI::App& app, std::ostream& out, std::ostream& err, int& exit_code) {
  struct Flags {
    std::string run, public_key, anchor, write_anchor;
    bool json = false;
  };
  const auto flags = std::make_shared<Flags>();
  CLI::App* command = app.add_subcommand("verify", "Check what a run says of itself against its ledger");
  command->footer(kVerifyExample);
  command->add_option("run", flags->run, "Folder of the run")->type_name("RUN")->required();
  command->add_option("--public-key", flags->public_key, "Of the one who signed the certificate: Ed25519, PEM")
      ->type_name("FILE");
  command->add_option("--anchor", flags->anchor, "What the ledger must go on from: a file of --write-anchor")
      ->type_name("FILE");
  command->add_option("--write-anchor", flags->write_anchor, "Write how far the ledger has come")->type_name("FILE");
  command->add_flag("--json", flags->json, "The result as JSON");
  command->callback([flags, &out, &err, &exit_code] {
    const Verification found =
        verify_run(RunFolder(flags->run), {.public_key = flags->public_key, .anchor = flags->anchor});
    out << (flags->json ? to_json(found) : to_text(found));
    exit_code = static_cast<int>(found.code());
    if (flags->write_anchor.empty()) return;
    if (!found.ledger || found.code() == ExitCode::ledger_refused) {
      err << "sotto: no anchor was written: the ledger does not hold\n";
      return;
    }
    privacy::write_file_atomically(flags->write_anchor, std::string_view(to_json(anchor_of(*found.ledger))));
  });
}

}  // namespace sotto::tools

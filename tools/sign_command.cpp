#include <fmt/format.h>
#include <sotto/privacy/atomic_file.h>
#include <sotto/privacy/error.h>
#include <sotto/privacy/signature.h>
#include <sotto/tools/run_folder.h>
#include <sotto/tools/sign_command.h>
#include <sotto/tools/verification.h>

#include <memory>
#include <ostream>
#include <string>

namespace sotto::tools {
namespace {

constexpr const char* kSignExample = R"(Example:
  $ openssl genpkey -algorithm ed25519 -out private.pem && openssl pkey -in private.pem -pubout -out public.pem
  $ sotto sign runs/first --key private.pem
  $ sotto verify runs/first --public-key public.pem

The signature is of certificate.json, byte for byte, in RUN/certificate.json.sig; the certificate holds the hashes of the run's
files and the head of its ledger. Without sotto it is checked by
  $ openssl pkeyutl -verify -pubin -inkey public.pem -rawin -in certificate.json -sigfile certificate.json.sig
It says who vouches for the certificate, and nothing of whether it is true: only a run that verifies is signed.
)";

}  // namespace

void add_sign_command(CLI::App& app, std::ostream& out, int& exit_code) {
  struct Flags {
    std::string run, key;
  };
  const auto flags = std::make_shared<Flags>();
  CLI::App* command = app.add_subcommand("sign", "Sign the certificate of a run");
  command->footer(kSignExample);
  command->add_option("run", flags->run, "Folder of the run")->type_name("RUN")->required();
  command->add_option("--key", flags->key, "Private key of Ed25519, PEM")->type_name("FILE")->required();
  command->callback([flags, &out, &exit_code] {
    const RunFolder folder(flags->run);
    const Verification found = verify_run(folder);
    for (const Check& check : found.checks)
      if (check.outcome == Check::Outcome::fails)
        throw Error(found.code(), fmt::format("[sign] {} does not verify, and is not signed: {}: {}", flags->run,
                                              check.subject, check.text));
    if (!found.finished())
      throw UsageError(
          fmt::format("[sign] {} is not finished: its certificate would be replaced; go on with 'sotto "
                      "resume {}'",
                      flags->run, flags->run));
    const std::string signature = privacy::sign(found.certificate_text, flags->key);
    privacy::write_file_atomically(folder.signature(), std::string_view(signature));
    out << folder.signature().string() << '\n';
    exit_code = static_cast<int>(ExitCode::done);
  });
}

}  // namespace sotto::tools

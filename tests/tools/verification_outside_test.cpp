// What `sotto verify` makes of a run by what is kept outside its folder: an anchor of its ledger, or a public key.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sotto/privacy/signature.h>

#include <cstdlib>
#include <filesystem>
#include <string>

#include "run_in_files.h"
#include "verified_files.h"

namespace sotto::tools {
namespace {

using testing::content, testing::failures, testing::put, testing::RunInFiles;
using ::testing::HasSubstr;

TEST(Verification, AnAnchorOfATornLedgerIsOneOfItsLastCompleteRecord) {
  const RunInFiles run({.charged = 4, .with_certificate = false});
  put(run.folder().ledger(), content(run.folder().ledger()) + R"({"record":"reserve","step":4,"rel)");
  const std::filesystem::path kept = run.path().parent_path() / "kept";
  put(kept, to_json(anchor_of(privacy::read_ledger(run.folder().ledger()))));
  const VerifyOptions with_anchor{.public_key = {}, .anchor = kept};
  EXPECT_TRUE(verify_run(run.folder(), with_anchor).holds());
  privacy::Ledger::open(run.folder().ledger(), RunInFiles::keys(3));
  EXPECT_TRUE(verify_run(run.folder(), with_anchor).holds());
}

TEST(Verification, AnAnchorFromOutsideTellsALedgerThatWasWoundBack) {
  const RunInFiles run({.charged = 4, .with_certificate = false});
  const std::filesystem::path kept = run.path().parent_path() / "kept";
  put(kept, to_json(anchor_of(privacy::read_ledger(run.folder().ledger()))));
  const VerifyOptions with_anchor{.public_key = {}, .anchor = kept};
  EXPECT_TRUE(verify_run(run.folder(), with_anchor).holds());
  const std::string then = content(run.folder().ledger());
  {
    privacy::Ledger ledger = privacy::Ledger::open(run.folder().ledger(), RunInFiles::keys(3));
    ledger.reserve(ledger.next_step(), run.plan().step_event(), 0.5, RunInFiles::keys(3).noise_key);
    put(kept, to_json(anchor_of(ledger.contents())));
  }
  EXPECT_TRUE(verify_run(run.folder(), with_anchor).holds());
  put(run.folder().ledger(), then);  // the whole folder as it was
  EXPECT_TRUE(verify_run(run.folder()).holds()) << "from inside it cannot be seen";
  EXPECT_EQ(verify_run(run.folder(), with_anchor).code(), ExitCode::ledger_refused);

  put(kept, "{}\n");
  EXPECT_THROW(verify_run(run.folder(), with_anchor), DataError);
}

TEST(Verification, SignaturesAreThoseOfTheCertificate) {
  const RunInFiles run, other;
  const auto secret = run.path().parent_path() / "secret.pem", open = run.path().parent_path() / "public.pem";
  const auto shell = [](const std::string& command) { return std::system((command + " >/dev/null 2>&1").c_str()); };
  ASSERT_EQ(shell("openssl genpkey -algorithm ed25519 -out " + secret.string()), 0);
  ASSERT_EQ(shell("openssl pkey -in " + secret.string() + " -pubout -out " + open.string()), 0);
  const VerifyOptions with_key{.public_key = open, .anchor = {}};
  EXPECT_THAT(failures(verify_run(run.folder(), with_key))["signature"], HasSubstr("there is no"));
  put(run.folder().signature(), privacy::sign(content(run.folder().certificate()), secret));
  EXPECT_TRUE(verify_run(run.folder(), with_key).holds());
  put(run.folder().signature(), privacy::sign(content(other.folder().certificate()), secret));
  EXPECT_EQ(verify_run(run.folder(), with_key).code(), ExitCode::bad_data);
  EXPECT_THROW(verify_run(run.folder(), {.public_key = secret, .anchor = {}}), UsageError);
}

TEST(LedgerAnchor, IsReadInItsExactTextOnly) {
  const LedgerAnchor anchor{"a run", 7, std::string(64, 'a')};
  const std::string text = to_json(anchor);
  EXPECT_EQ(text, R"({"sotto_anchor":1,"run":"a run","steps":7,"head_hash":")" + std::string(64, 'a') + "\"}\n");
  EXPECT_EQ(parse_anchor(text).steps, 7);
  for (const std::string& bad : {std::string(), std::string("{}"), text.substr(0, text.size() - 1), text + "\n",
                                 " " + text, std::string(text).replace(16, 1, "2")})
    EXPECT_THROW(parse_anchor(bad), DataError) << bad;
}

}  // namespace
}  // namespace sotto::tools

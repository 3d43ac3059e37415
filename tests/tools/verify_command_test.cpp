// `sotto verify`, `sotto sign` and `sotto report` as they are typed. Runs the real program.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sotto/privacy/ledger.h>

#include "account_program.h"
#include "help_examples.h"
#include "run_in_files.h"
#include "verified_files.h"

namespace sotto::tools {
namespace {

using nlohmann::json;
using testing::content, testing::put, testing::Outcome, testing::run_line, testing::RunInFiles;
using ::testing::HasSubstr;

// The pair of keys of RFC 8410, section 10.
constexpr const char* kPrivate =
    "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEINTuctv5E1hK1bbY8fdp+K06/nwoy/HU++CXqI9EdVhC\n-----END PRIVATE "
    "KEY-----\n";
constexpr const char* kPublic =
    "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=\n-----END PUBLIC "
    "KEY-----\n";

class VerifyCommand : public ::testing::Test {
 protected:
  // `run` is where the example of the help has it.
  void place(const RunInFiles& run) {
    std::filesystem::create_directories(folder_.path() / "runs");
    std::filesystem::copy(run.path(), folder_.path() / "runs/first", std::filesystem::copy_options::recursive);
  }
  Outcome sotto(const std::string& line) const { return run_line(line, folder_.path().string()); }
  std::filesystem::path file(const std::string& name) const { return folder_.path() / name; }

  sotto::testing::ScratchFolder folder_;
};

TEST_F(VerifyCommand, TheExamplesOfItsHelpAndOfSignAndReportAreReal) {
  place(RunInFiles());
  put(file("private.pem"), kPrivate);
  put(file("public.pem"), kPublic);
  for (const char* command : {"sign", "verify", "report"}) {
    const Outcome help = sotto(std::string(command) + " --help");
    ASSERT_EQ(help.exit_code, 0);
    const std::vector<std::string> lines = testing::help_examples(help.out);
    ASSERT_FALSE(lines.empty()) << help.out;
    for (const std::string& line : lines) {
      const Outcome outcome = sotto(line);
      EXPECT_EQ(outcome.exit_code, 0) << line << "\n" << outcome.out << outcome.err;
    }
  }
  EXPECT_TRUE(std::filesystem::exists(file("first.anchor")));
  EXPECT_TRUE(std::filesystem::exists(file("runs/first/certificate.json.sig")));
  EXPECT_TRUE(std::filesystem::exists(file("runs/first/report.html")));
}

TEST_F(VerifyCommand, QuotesTheStatementOfAWholeRunAndNothingOfAnother) {
  place(RunInFiles());
  const Outcome whole = sotto("verify runs/first");
  EXPECT_EQ(whole.exit_code, 0);
  EXPECT_EQ(whole.err, "");
  const privacy::Certificate certificate = privacy::parse_certificate(content(file("runs/first/certificate.json")));
  EXPECT_THAT(whole.out, HasSubstr("verified: " + privacy::statement(certificate)));
  EXPECT_THAT(whole.out, HasSubstr("cannot be seen from these files:"));
  const json object = json::parse(sotto("verify runs/first --json").out);
  EXPECT_EQ(object.at("holds"), true);
  EXPECT_EQ(object.at("statement"), privacy::statement(certificate));
  EXPECT_EQ(object.at("unseen").empty(), false);

  put(file("runs/first/config.toml"), content(file("runs/first/config.toml")) + "\n# edited\n");
  const Outcome edited = sotto("verify runs/first");
  EXPECT_EQ(edited.exit_code, 65);
  EXPECT_THAT(edited.out, HasSubstr("NOT VERIFIED: nothing may be quoted of this run"));
  EXPECT_THAT(edited.out, ::testing::Not(HasSubstr(privacy::statement(certificate))));
  EXPECT_EQ(json::parse(sotto("verify runs/first --json").out).at("statement"), nullptr);
}

// tests/golden, as an earlier build wrote it: whoever keeps the folder of a run can verify it with every later version.
TEST_F(VerifyCommand, ARunOfTheSecondSchemaIsVerified) {
  std::filesystem::create_directories(file("runs/first"));
  const std::filesystem::path golden = SOTTO_TEST_DATA;
  std::filesystem::copy(golden / "config-2.toml", file("runs/first/config.toml"));
  std::filesystem::copy(golden / "ledger-2.jsonl", file("runs/first/ledger.jsonl"));
  std::filesystem::copy(golden / "certificate-2.json", file("runs/first/certificate.json"));
  const json object = json::parse(sotto("verify runs/first --json").out);
  EXPECT_EQ(object.at("holds"), true) << object.dump(2);
  EXPECT_THAT(object.at("statement"), HasSubstr("is (0.4019, 1e-05)-differentially private for the 12 planned steps"));
}

TEST_F(VerifyCommand, AnswersWithTheCodesOfItsHelp) {
  place(RunInFiles());
  put(file("private.pem"), kPrivate);
  ASSERT_EQ(sotto("verify runs/first --write-anchor kept").exit_code, 0);

  std::string ledger = content(file("runs/first/ledger.jsonl"));
  const std::string whole = ledger;
  put(file("runs/first/ledger.jsonl"), whole.substr(0, whole.rfind('\n', whole.size() - 2) + 1));
  EXPECT_EQ(sotto("verify runs/first --anchor kept").exit_code, 78) << "cut at the end of a record";
  EXPECT_EQ(sotto("sign runs/first --key private.pem").exit_code, 78);
  EXPECT_FALSE(std::filesystem::exists(file("runs/first/certificate.json.sig")));

  ledger[ledger.size() / 2] ^= 1;
  put(file("runs/first/ledger.jsonl"), ledger);
  const Outcome changed = sotto("verify runs/first --write-anchor other");
  EXPECT_EQ(changed.exit_code, 78);
  EXPECT_THAT(changed.err, HasSubstr("no anchor was written"));
  EXPECT_FALSE(std::filesystem::exists(file("other")));

  std::filesystem::remove(file("runs/first/ledger.jsonl"));
  EXPECT_EQ(sotto("verify runs/first").exit_code, 78);
  put(file("runs/first/ledger.jsonl"), whole);
  EXPECT_EQ(sotto("verify runs/first").exit_code, 0);
  EXPECT_NE(sotto("verify runs/second").exit_code, 0);
  EXPECT_EQ(sotto("verify").exit_code, 64);
}

TEST_F(VerifyCommand, ARunThatIsNotFinishedHoldsAsFarAsItGoesAndIsNotSigned) {
  place(RunInFiles({.charged = 4, .with_certificate = false}));
  put(file("private.pem"), kPrivate);
  const Outcome outcome = sotto("verify runs/first");
  EXPECT_EQ(outcome.exit_code, 0);
  EXPECT_THAT(outcome.out, HasSubstr("holds as far as it goes: the run is not finished"));
  const Outcome refused = sotto("sign runs/first --key private.pem");
  EXPECT_EQ(refused.exit_code, 64);
  EXPECT_THAT(refused.err, HasSubstr("is not finished"));
}

TEST_F(VerifyCommand, AnotherKeyThanTheSignersIsRefused) {
  place(RunInFiles());
  put(file("private.pem"), kPrivate);
  put(file("public.pem"), kPublic);
  std::string other = kPublic;
  other.replace(other.find("Gb9E"), 4, "Gb9F");
  put(file("other.pem"), other);
  EXPECT_EQ(sotto("verify runs/first --public-key public.pem").exit_code, 65) << "not signed at all";
  ASSERT_EQ(sotto("sign runs/first --key private.pem").exit_code, 0);
  EXPECT_EQ(sotto("verify runs/first --public-key public.pem").exit_code, 0);
  EXPECT_EQ(sotto("verify runs/first --public-key other.pem").exit_code, 65);
}

}  // namespace
}  // namespace sotto::tools

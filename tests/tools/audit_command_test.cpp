// `sotto audit` as it is typed, on a small run. Runs the real program.

#include <gmock/gmock.h>

#include "account_program.h"
#include "help_examples.h"
#include "train_run_fixture.h"

namespace sotto::tools {
namespace {

using ::testing::HasSubstr;
using testing::help_examples, testing::run_line;

class AuditCommand : public TrainRun {
 protected:
  AuditCommand() {
    // Where the preset of the help's last example looks.
    const std::filesystem::path preset = folder_.path() / "data-cache/fashion-mnist";
    std::filesystem::create_directories(preset);
    std::filesystem::copy(train_.images, preset / "train-images-idx3-ubyte");
    std::filesystem::copy(train_.labels, preset / "train-labels-idx1-ubyte");
    std::filesystem::copy(test_.images, preset / "t10k-images-idx3-ubyte");
    std::filesystem::copy(test_.labels, preset / "t10k-labels-idx1-ubyte");
  }

  // The run of the examples, of three steps.
  void train(const Words& privacy) const {
    const Outcome outcome = run(base() + privacy + Words{"--steps", "3", "--output", file("runs/first").string()});
    ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
  }
  Outcome sotto(const std::string& line) const { return run_line(line, folder_.path().string()); }
  std::filesystem::path file(const std::string& name) const { return folder_.path() / name; }
  void refused(const std::string& line, const std::string& what) const { expect_failure(sotto(line), 64, what); }
};

const Words kPrivate = {"--epsilon", "3", "--delta", kDelta};

TEST_F(AuditCommand, TheExamplesOfItsHelpAreReal) {
  train(kPrivate);
  const std::string ledger = content(file("runs/first/ledger.jsonl"));
  const Outcome help = sotto("audit --help");
  ASSERT_EQ(help.exit_code, 0);
  const std::vector<std::string> lines = help_examples(help.out);
  ASSERT_EQ(lines.size(), 4) << help.out;
  std::vector<Outcome> outcomes;
  for (size_t i = 0; i < 3; ++i) {
    ASSERT_TRUE(lines[i].starts_with("audit ")) << lines[i];
    outcomes.push_back(sotto(lines[i]));
    // Of a step that is as private as it says, 100,000 replays refute it with probability 0.003: both bounds would have
    // to miss on one side by 2.8 standard errors together.
    if (outcomes[i].exit_code == 65) outcomes[i] = sotto(lines[i]);
    EXPECT_EQ(outcomes[i].exit_code, 0) << lines[i] << "\n" << outcomes[i].out << outcomes[i].err;
    EXPECT_EQ(content(file("runs/first/ledger.jsonl")), ledger) << "nothing is spent";
  }
  for (const char* subject : {"one record more ", "charge ", "noise of all parameters ", "sampling: rate "})
    EXPECT_THAT(outcomes[0].out, HasSubstr(subject));
  EXPECT_THAT(outcomes[0].out, HasSubstr("nothing was found in "));
  EXPECT_THAT(outcomes[0].out, ::testing::Not(HasSubstr("FAILS")));
  EXPECT_THAT(outcomes[1].out, HasSubstr(" standard deviations of the noise out of it with confidence 0.95"));

  const json canaries = json::parse(outcomes[2].out);
  EXPECT_EQ(canaries, json::parse(content(file("runs/first/audit.json")))) << "what was printed is kept";
  EXPECT_EQ(canaries.at("holds"), true);
  EXPECT_EQ(canaries.at("replays"), nullptr);
  EXPECT_EQ(canaries.at("canaries").at("canaries"), 1000);
  EXPECT_EQ(canaries.at("canaries").at("delta"), 0.0001);
  EXPECT_LE(canaries.at("canaries").at("epsilon_lower"), canaries.at("canaries").at("epsilon_stated"));
  const auto certificate = privacy::parse_certificate(content(file("runs/first/certificate.json")));
  EXPECT_EQ(canaries.at("canaries").at("epsilon_stated").get<double>(),
            account_epsilon(certificate.noise_multiplier, "3"));
  EXPECT_EQ(sotto("verify runs/first").exit_code, 0) << "audit.json belongs to a run";
}

// The last one trains for longer than a test may take, and is stopped when it does.
TEST_F(AuditCommand, ThePreflightOfItsHelpComesBeforeTheFirstStep) {
  const std::string line = help_examples(sotto("audit --help").out).back();
  ASSERT_THAT(line, HasSubstr("train fashion-mnist"));
  Words words;
  std::istringstream all(line);
  for (std::string word; all >> word;) words.push_back(word);
  Program program(words, [this] {
    if (::chdir(folder_.path().c_str()) != 0 || ::unsetenv("SOTTO_DATA") != 0) ::_exit(126);
  });
  const std::filesystem::path ledger = file("runs/fashion-mnist-psac/ledger.jsonl");
  bool unseen = false;
  const auto charges = [&] {
    if (!std::filesystem::exists(ledger) || content(ledger).find(R"("record":"reserve")") == std::string::npos)
      return false;
    unseen = program.out().find("preflight  ") == std::string::npos;
    return true;
  };
  ASSERT_TRUE(program.signal_when(charges, SIGTERM)) << program.err();
  const Outcome stopped = program.finish();
  EXPECT_EQ(stopped.exit_code, 143) << stopped.err;
  EXPECT_FALSE(unseen) << "a step was charged before the audit had ended: " << stopped.out << stopped.err;
}

TEST_F(AuditCommand, RefusesWhatHasNoEffectAndWhatIsNoRun) {
  refused("audit runs/first", "is not the folder of a run");
  train(kPrivate);
  refused("audit", "run is required");
  refused("audit runs/first --replays 99", "[--replays] bad value: 99; allowed is 100 to ");
  refused("audit runs/first --canaries 19", "[--canaries] bad value: 19; allowed is 20 to ");
  refused("audit runs/first --canaries 20 --records -1", "[--records] bad value: -1; allowed is 0 to ");
  refused("audit runs/first --records 5", "--records has no effect without --canaries");
  refused("audit runs/first --confidence 0.9", "--confidence has no effect without --replays or --canaries");
  for (const char* confidence : {"0", "1", "-0.5", "nan"})
    refused(std::string("audit runs/first --replays 100 --confidence ") + confidence, "[--confidence] bad value: ");
  EXPECT_FALSE(std::filesystem::exists(file("runs/first/audit.json")));
}

TEST_F(AuditCommand, RefusesARunWithoutPrivacy) {
  train({"--rule", "none"});
  refused("audit runs/first", "[audit] the run is NOT PRIVATE: there is nothing to be audited");
}

}  // namespace
}  // namespace sotto::tools

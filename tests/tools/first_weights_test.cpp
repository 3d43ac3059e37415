// `sotto train text` and the weights that it begins with: that they are whole, those that are named, and what is known
// of their privacy. Runs the real program.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sotto/models/safetensors.h>
#include <sotto/privacy/sha256.h>

#include "train_text_fixture.h"

namespace sotto::tools {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using testing::operator+;

TEST_F(TrainPublished, TheWeightsAreThoseOfTheHash) {
  const std::string folder = write_model("model");
  const std::string hash = privacy::sha256_hex(content(folder + "/model.safetensors"));
  done(published("right", folder, {"--model-sha256", hash, "--noise-multiplier", "1", "--steps", "1"}));
  EXPECT_THAT(content(path("right/certificate.json")), HasSubstr("the model file with SHA-256 " + hash));
  EXPECT_EQ(models::SafetensorsFile::read(path("right") + "/model.safetensors").metadata().at("model_file_sha256"),
            hash);
  const Outcome outcome = run(
      published("run", folder, {"--model-sha256", std::string(64, 'a'), "--noise-multiplier", "1", "--steps", "3"}));
  EXPECT_EQ(outcome.exit_code, 65) << outcome.err;
  EXPECT_THAT(outcome.err, HasSubstr("SHA-256"));
}

TEST_F(TrainPublished, SaysThatTheFolderHasNoTerms) {
  const std::string folder = write_model("model");
  const Words words = {"--noise-multiplier", "1", "--steps", "1"};
  EXPECT_THAT(done(published("without", folder, words)).err, HasSubstr("nothing of the terms"));
  write("model/LICENSE", "public domain\n");
  EXPECT_THAT(done(published("with", folder, words)).err, Not(HasSubstr("nothing of the terms")));
}

// What was spent for a model, or was not, goes with what is trained from it.
TEST_F(TrainPublished, TheCertificateOfTheFirstWeightsGoesAlong) {
  const std::string folder = write_model("model");
  const Words few = {"--adapt", "full", "--noise-multiplier", "1", "--steps", "2"};
  done(published("first", folder, few));
  done({"export", path("first"), "--to", "safetensors", "--output", path("base")});
  const Outcome second = done(published("second", path("base") + "/", few));
  EXPECT_THAT(second.err, HasSubstr("come with a certificate of their own"));
  const std::string first_certificate = content(path("first/certificate.json"));
  EXPECT_EQ(content(path("second/base-certificate.json")), first_certificate);
  EXPECT_THAT(content(path("second/certificate.json")), HasSubstr("of which base-certificate.json tells"));
  done({"export", path("second"), "--to", "torchscript", "--output", path("script")});
  EXPECT_EQ(content(path("script/base-certificate.json")), first_certificate);
  done({"import", path("script/model.ts"), "--config", path("script/config.json"), "--tokenizer",
        path("script/vocab.txt"), "--output", path("third")});
  EXPECT_EQ(content(path("third/base-certificate.json")), first_certificate);

  // Without privacy: only where the records were public, which nobody but the user can say.
  done(published("plain", folder, with_flags(few, {"--insecure-test-seed", "3"})));
  done({"export", path("plain"), "--to", "safetensors", "--output", path("plain-base")});
  const Words words = published("refused", path("plain-base") + "/", few);
  const Outcome refused = run(words);
  EXPECT_EQ(refused.exit_code, 64);
  EXPECT_THAT(refused.err, HasSubstr("are NOT PRIVATE"));
  EXPECT_FALSE(std::filesystem::exists(path("refused")));
  done(with_flags(words, {"--public-base"}));
  EXPECT_THAT(content(path("refused/certificate.json")), HasSubstr("which are declared to be public"));
  EXPECT_EQ(content(path("refused/base-NOT_PRIVATE.txt")), content(path("plain/NOT_PRIVATE.txt")));
  // The weights say it too, where the file beside them was left behind; and what cannot be read is not absent.
  std::filesystem::remove(path("plain-base/NOT_PRIVATE.txt"));
  EXPECT_THAT(run(published("bare", path("plain-base") + "/", few)).err, HasSubstr("are NOT PRIVATE"));
  std::filesystem::remove(path("base/certificate.json"));
  const Outcome unknown = run(published("bare", path("base") + "/", few));
  EXPECT_EQ(unknown.exit_code, 65);
  EXPECT_THAT(unknown.err, HasSubstr("what was spent for it is not known"));
  // An export marks what it writes, whatever lies in the folder of the run.
  std::filesystem::remove(path("plain/NOT_PRIVATE.txt"));
  done({"export", path("plain"), "--to", "torchscript", "--output", path("plain-script")});
  EXPECT_THAT(content(path("plain-script/NOT_PRIVATE.txt")), HasSubstr("NOT PRIVATE"));
  std::filesystem::create_symlink("nowhere", folder + "/NOT_PRIVATE.txt");
  EXPECT_EQ(run(published("bare", folder, few)).exit_code, 65);
  std::filesystem::remove(folder + "/NOT_PRIVATE.txt");
  const Outcome needless = run(published("bare", folder, with_flags(few, {"--public-base"})));
  EXPECT_EQ(needless.exit_code, 64);
  EXPECT_THAT(needless.err, HasSubstr("[--public-base] has no effect"));
}

// What is known of the first weights may not be lost on the way.
TEST_F(TrainPublished, ARunWhoseBaseIsNotToldAnyMoreIsNotResumed) {
  const std::string folder = write_model("model");
  const Words noisy = {"--adapt", "full", "--noise-multiplier", "80", "--steps"};
  const auto expect = [&](const std::string& told, const Words& of_base, const Words& of_run) {
    const std::string base = "base-of-" + told, output = "run-of-" + told;
    done(published("first-" + told, folder, with_flags(noisy + Words{"2"}, of_base)));
    done({"export", path("first-" + told), "--to", "safetensors", "--output", path(base)});
    testing::Program program(published(output, path(base) + "/", with_flags(noisy + Words{"4000"}, of_run)));
    ASSERT_TRUE(program.signal_when([&] { return content(path(output) + "/ledger.jsonl").size() > 2000; }, SIGINT));
    ASSERT_EQ(program.finish().exit_code, 130);
    std::filesystem::remove(path(output) + "/base-" + told);
    const Outcome outcome = run({"resume", path(output)});
    EXPECT_NE(outcome.exit_code, 0) << told;
    EXPECT_THAT(outcome.err, HasSubstr(of_run.empty() ? "another than when the run began" : "has no effect"));
  };
  expect("certificate.json", {}, {});
  expect("NOT_PRIVATE.txt", {"--insecure-test-seed", "3"}, {"--public-base"});
}

TEST_F(TrainPublished, RefusesFoldersThatAreNotWhole) {
  const auto expect = [&](const std::string& folder, const std::string& what, int code = 65) {
    const Outcome outcome = run(published("run", folder, {"--noise-multiplier", "1", "--steps", "1"}));
    EXPECT_EQ(outcome.exit_code, code) << outcome.err;
    EXPECT_THAT(outcome.err, HasSubstr(what));
    EXPECT_FALSE(std::filesystem::exists(path("run")));
  };
  expect("./nowhere", "there is no");
  for (const char* missing : {"config.json", "model.safetensors", "vocab.txt"}) {
    const std::string folder = write_model(std::string("without-") + missing);
    std::filesystem::remove(folder + "/" + missing);
    expect(folder, missing);
  }
  const std::string folder = write_model("larger");
  write("larger/vocab.txt", content(folder + "/vocab.txt") + "more\n");
  expect(folder, "of two models");
  // Sizes that the file of weights cannot hold are refused before memory is taken for them.
  write_model("huge");
  std::string config = content(path("huge/config.json"));
  config.replace(config.find("\"hidden_size\": 16"), 17, "\"hidden_size\": 65536");
  write("huge/config.json", config);
  expect(path("huge"), "too short for the sizes");
}

}  // namespace
}  // namespace sotto::tools

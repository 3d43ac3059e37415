// What `sotto train` refuses before it loads LibTorch, and what it promises there. Runs the real program.

#include <gtest/gtest.h>

#include <chrono>
#include <cstdlib>

#include "program.h"
#include "small_images.h"

namespace sotto::tools {
namespace {

using testing::Outcome, testing::run;
using testing::with_flags, testing::Words;

class TrainUsage : public ::testing::Test {
 protected:
  void expect_error(Words words, int exit_code, const std::string& what) const {
    words.push_back("--output");
    words.push_back(output().string());
    const Outcome outcome = run(words);
    EXPECT_EQ(outcome.exit_code, exit_code) << outcome.err;
    EXPECT_EQ(outcome.err.rfind("sotto: ", 0), 0u) << outcome.err;
    EXPECT_EQ(outcome.err.find('\n'), outcome.err.size() - 1) << "not one line: " << outcome.err;
    EXPECT_NE(outcome.err.find(what), std::string::npos) << outcome.err;
    EXPECT_EQ(outcome.out, "");
    EXPECT_FALSE(std::filesystem::exists(output())) << "something was left behind";
  }
  void expect_preset_error(const Words& flags, const std::string& what) const {
    Words words = {"train", "fashion-mnist"};
    words.insert(words.end(), flags.begin(), flags.end());
    expect_error(words, 64, what);
  }
  std::string config(const std::string& text) const {
    return folder_.write("run.toml", sotto::testing::Bytes(text.begin(), text.end())).string();
  }
  std::filesystem::path output() const { return folder_.path() / "run"; }

  sotto::testing::ScratchFolder folder_;
};

TEST_F(TrainUsage, RefusesEpsilonOutOfRange) {
  for (const char* epsilon : {"0", "-1", "nan", "inf", "three"})
    expect_preset_error({"--epsilon=" + std::string(epsilon)}, "psilon");
}

TEST_F(TrainUsage, RefusesDeltaOutOfRange) {
  for (const char* delta : {"0", "1", "-1e-5", "nan", "inf"})
    expect_preset_error({"--epsilon", "3", "--delta=" + std::string(delta)}, "delta");
}

TEST_F(TrainUsage, RefusesNoiseOutOfRange) {
  for (const char* noise : {"0", "-1", "nan", "inf"})
    expect_preset_error({"--noise-multiplier=" + std::string(noise)}, "noise");
}

TEST_F(TrainUsage, RefusesNumbersOutOfRange) {
  for (const char* flag : {"--clip-norm=0",
                           "--clip-norm=-1",
                           "--clip-norm=nan",
                           "--clip-norm=inf",
                           "--psac-r=0",
                           "--psac-r=nan",
                           "--auto-s-gamma=0",
                           "--auto-s-gamma=-1",
                           "--nsgd-r=0",
                           "--lr=0",
                           "--lr=inf",
                           "--momentum=1",
                           "--momentum=-0.1",
                           "--batch=0",
                           "--batch=60001",
                           "--batch=1.5",
                           "--epochs=0",
                           "--epochs=-1",
                           "--steps=0",
                           "--physical-batch=0",
                           "--threads=-1",
                           "--memory=0",
                           "--memory=1.5GiB",
                           "--kernel-costs=1,2,3",
                           "--kernel-costs=fastest"}) {
    const std::string text = flag;
    expect_preset_error({"--epsilon", "3", text}, text.substr(0, text.find('=')).substr(2));
  }
}

TEST_F(TrainUsage, RefusesABudgetTooSmallForOneStep) {
  expect_preset_error({"--steps", "1", "--epsilon", "1e-12", "--delta", "1e-300"}, "infeasible budget");
}

TEST_F(TrainUsage, RefusesMissingAndConflictingChoices) {
  expect_preset_error({}, "no budget");
  expect_preset_error({"--epsilon", "3", "--noise-multiplier", "1"}, "exclude each other");
  expect_preset_error({"--epsilon", "3", "--epochs", "1", "--steps", "1"}, "exclude each other");
  expect_preset_error({"--epsilon", "3", "--per-group"}, "--per-group");
  expect_preset_error({"--epsilon", "3", "--rule", "clip"}, "'clip'");
  expect_preset_error({"--epsilon", "3", "--model", "resnet"}, "'resnet'");
  expect_preset_error({"--epsilon", "3", "--lr-schedule", "step"}, "'step'");
  expect_preset_error({"--epsilon", "3", "--unknown"}, "--unknown");
  expect_preset_error({"--epsilon", "3", "--dataset-size", "59999"}, "60000");
  expect_error({"train", "fashion-minst", "--epsilon", "3"}, 64, "fashion-mnist");
  expect_error({"train", "--epsilon", "3"}, 64, "no data");
}

TEST_F(TrainUsage, PlainTrainingHasNoBudget) {
  expect_preset_error({"--rule", "none", "--epsilon", "3"}, "NOT PRIVATE");
  expect_preset_error({"--rule", "none", "--delta", "1e-5"}, "NOT PRIVATE");
  expect_preset_error({"--rule", "none", "--noise-multiplier", "1"}, "NOT PRIVATE");
  expect_preset_error({"--rule", "none", "--memory", "1GiB"}, "[--memory] has no effect");
}

TEST_F(TrainUsage, DiscreteNoiseSaysWhatItDoesNotGoWith) {
  expect_preset_error({"--epsilon", "3", "--noise", "exact"}, "allowed are normal, discrete");
  expect_preset_error({"--rule", "none", "--noise", "discrete"}, "[--noise] discrete has no place with --rule none");
  expect_preset_error({"--epsilon", "3", "--noise", "discrete", "--memory", "1GiB"}, "exclude each other");
  expect_preset_error({"--epsilon", "3", "--noise", "discrete", "--device", "cuda"}, "on the processor only");
}

TEST_F(TrainUsage, OwnDataMustBeDeclared) {
  const Words files = {"train", "--train-images", "a", "--train-labels", "b", "--epsilon", "3"};
  expect_error(files, 64, "--dataset-size");
  Words large = files;
  large.insert(large.end(), {"--dataset-size", "100000"});
  expect_error(large, 64, "--delta");  // the default is not below 1 / 100000
  expect_error({"train", "--train-images", "a", "--dataset-size", "1000", "--epsilon", "3"}, 64, "--train-labels");
}

TEST_F(TrainUsage, FoldersOfPicturesMustBeDeclared) {
  std::filesystem::create_directory(folder_.path() / "pictures");
  const Words folder = {"train",
                        "--train-images",
                        (folder_.path() / "pictures").string(),
                        "--epsilon",
                        "3",
                        "--dataset-size",
                        "1000",
                        "--batch",
                        "10"};
  const auto with = [&](const Words& more, const std::string& what) {
    Words words = folder;
    words.insert(words.end(), more.begin(), more.end());
    expect_error(words, 64, what);
  };
  with({}, "[--class-names] missing");
  with({"--picture-shape", "3x32x32"}, "[--class-names] missing");
  with({"--class-names", "cat,dog"}, "[--picture-shape] missing");
  with({"--train-labels", "b"}, "[--train-labels] has no place with a folder");
  for (const char* names : {"cat", "cat,cat", "cat,,dog", "cat,dog,"})
    with({"--picture-shape", "3x32x32", "--class-names", names}, "[--class-names] bad value");
  for (const char* shape : {"32x32", "3x32x32x1", "3x32", "3x0x32", "3xax32", "3,32,32"})
    with({"--class-names", "cat,dog", "--picture-shape", shape}, "[--picture-shape]");
  with({"--class-names", "cat,dog", "--picture-shape", "2x32x32"}, "1 or 3 channels");
  with({"--class-names", "cat,dog", "--picture-shape", "3x32x32", "--classes", "2"}, "[--classes] has no place");
  with({"--class-names", "cat,dog", "--picture-shape", "3x32x32", "--table-schema", "s"},
       "[--table-schema] has no place");
  with({"--class-names", "cat,dog", "--picture-shape", "3x32x32", "--model", "a.ts", "--input-type", "tokens:5"},
       "[--input-type tokens] has no place");
}

TEST_F(TrainUsage, TablesMustBeDeclared) {
  const auto with = [&](const Words& more, int exit_code, const std::string& what) {
    Words words = {"train", "--train-table", "t.csv", "--epsilon", "3", "--dataset-size", "1000", "--batch", "10"};
    words.insert(words.end(), more.begin(), more.end());
    expect_error(words, exit_code, what);
  };
  const std::string text = "a: number 0 1\nb: label x, y\n";
  const std::string schema = folder_.write("s", sotto::testing::Bytes(text.begin(), text.end())).string();
  const std::string bad = folder_.write("bad", sotto::testing::Bytes(text.begin(), text.end() - 6)).string();
  with({}, 64, "[--table-schema] missing");
  with({"--table-schema", schema + "-missing"}, 65, "-missing");
  with({"--table-schema", bad, "--model", "mlp"}, 65, "line 2");
  with({"--table-schema", schema}, 64, "[--model] cnn takes pictures");
  with({"--table-schema", schema, "--model", "vit-tiny"}, 64, "[--model] vit-tiny takes pictures");
  with({"--table-schema", schema, "--table-schema-sha256", "x"}, 64, "[--table-schema-sha256] bad value");
  with({"--table-schema", schema, "--table-schema-sha256", std::string(64, '0')}, 65, "SHA-256");
  for (const char* flag :
       {"--train-images", "--train-labels", "--test-images", "--test-labels", "--class-names", "--picture-shape"})
    with({"--table-schema", schema, flag, "x"}, 64, "[" + std::string(flag) + "] has no place with a table");
  expect_error({"train", "--table-schema", schema, "--test-table", "t.csv", "--epsilon", "3"}, 64, "no data");
  expect_preset_error({"--epsilon", "3", "--train-table", "t.csv"}, "[--train-table] has no place with a preset");
  expect_preset_error({"--epsilon", "3", "--test-table", "t.csv"}, "[--test-table] has no place with a preset");
  expect_preset_error({"--epsilon", "3", "--class-names", "a,b"}, "[--class-names] has no place with a preset");
  expect_error({"train", "--train-table", "t.csv", "--table-schema", schema, "--epsilon", "3"}, 64, "[--dataset-size]");
}

TEST_F(TrainUsage, ConfigNamesTheUnknownKeyAndTheNearestOne) {
  const auto with = [&](const std::string& text, const std::string& what) {
    expect_error({"train", "--config", config(text)}, 64, what);
  };
  with("dataset = \"mnist\"\nepsilom = 3\n", "'epsilom'; did you mean 'epsilon'?");
  with("clip_norm = 1\n", "did you mean 'clip-norm'?");
  with("[train]\nepsilon = 3\n", "line 1: a list or table; settings are key = value");
  with("lr = 1\ndata = \xc9\x84\n", "line 2: not TOML: a letter outside ASCII and quotes");
  with("labels = \"\"\"a \\\nb\"\"\"\n", "line 1: a text whose line ends with a backslash");
  with("epsilon = \"3\"\n", "'epsilon' must be a number");
  with("steps = 3.0\n", "'steps' must be an integer");
  with("per-group = 1\n", "'per-group' must be true or false");
  with("rule = 1\n", "'rule' must be a text");
  with("epsilon = = 3\n", "line 1");
  with("epsilon = nan\n", "--epsilon");
  expect_error({"train", "--config", (folder_.path() / "missing").string()}, 64, "missing");
}

TEST_F(TrainUsage, FlagsWinOverTheConfig) {
  const std::string file = config("dataset = \"mnist\"\nepsilon = 3\nbatch = 0\nepochs = 2\n");
  expect_error({"train", "--config", file}, 64, "--batch");
  // The flags replace the bad batch and the keys that they exclude, so that the next mistake is seen.
  expect_error({"train", "--config", file, "--batch", "10", "--steps", "5", "--noise-multiplier", "1", "--lr", "-1"},
               64, "--lr");
}

TEST_F(TrainUsage, RefusesWhatDoesNotGoWithAdaptiveClipping) {
  const auto refused = [&](const Words& words, const std::string& what) {
    expect_preset_error(with_flags({"--epsilon", "3", "--rule", "adaptive"}, words), what);
  };
  for (const char* bad : {"0", "-1", "nan", "inf"}) {
    refused({"--clip-quantile=" + std::string(bad)}, "--clip-quantile");
    refused({"--clip-rate=" + std::string(bad)}, "--clip-rate");
    refused({"--count-noise=" + std::string(bad)}, "--count-noise");
  }
  refused({"--clip-quantile", "1"}, "--clip-quantile");
  refused({"--clip-rate", "1.5"}, "--clip-rate");
  refused({"--count-noise", "0.5"}, "[--count-noise] bad value: 0.5; must be at least 0.9");
  refused({"--noise", "discrete"}, "adaptive has normal noise only");
  refused({"--device", "cuda"}, "adaptive counts records on the processor only");
  refused({"--per-group"}, "--per-group");
  refused({"--optimizer", "adam", "--noise-correction"}, "--noise-correction");
  for (const char* flag : {"--clip-quantile", "--clip-rate", "--count-noise"})
    expect_preset_error({"--epsilon", "3", flag, "0.5"}, "only --rule adaptive has this parameter");
}

TEST_F(TrainUsage, RefusesWhatHasNoEffect) {
  expect_preset_error({"--epsilon", "3", "--rule", "flat", "--psac-r", "0.5"}, "--psac-r");
  expect_preset_error({"--epsilon", "3", "--nsgd-r", "0.5"}, "--nsgd-r");
  expect_preset_error({"--epsilon", "3", "--lr", "1e39"}, "--lr");
  expect_error({"train", "--config", config("dataset = \"mnist\"\noutput = \"x\"\n")}, 64, "command line only");
  for (const auto& [words, flag] :
       {std::pair{Words{"bench", "step", "--model", "mlp", "--batch", "0"}, "[--batch]"},
        std::pair{Words{"train", "mnist", "--epsilon", "3", "--output", ""}, "[--output]"}}) {
    const Outcome outcome = run(words);
    EXPECT_EQ(outcome.exit_code, 64);
    EXPECT_NE(outcome.err.find(flag), std::string::npos) << outcome.err;
  }
}

TEST_F(TrainUsage, ExistingRunsAndFilesAreNeverOverwritten) {
  folder_.write("taken/ledger.jsonl", {'x'});
  folder_.write("other/notes", {'x'});
  folder_.write("file", {'x'});
  for (const char* name : {"taken", "other", "file"}) {
    const Outcome outcome = run({"train", "mnist", "--epsilon", "3", "--output", (folder_.path() / name).string()});
    EXPECT_EQ(outcome.exit_code, 64) << outcome.err;
    EXPECT_NE(outcome.err.find(name), std::string::npos) << outcome.err;
  }
  EXPECT_EQ(testing::content(folder_.path() / "taken/ledger.jsonl"), "x");
}

TEST_F(TrainUsage, ResumeAndEvaluateNeedARun) {
  for (const char* command : {"resume", "evaluate"}) {
    const Outcome outcome = run({command, (folder_.path() / "nothing").string()});
    EXPECT_EQ(outcome.exit_code, 64);
    EXPECT_NE(outcome.err.find("config.toml"), std::string::npos) << outcome.err;
  }
}

TEST_F(TrainUsage, SaysWhereTheLibraryWasLookedFor) {
  const auto in = [&](const std::filesystem::path& place) {
    return run({"train", "mnist", "--epsilon", "3", "--output", output().string()},
               [&] { ::setenv("SOTTO_LIBRARY_PATH", place.c_str(), 1); });
  };
  const Outcome missing = in(folder_.path());
  EXPECT_EQ(missing.exit_code, 64);
  EXPECT_NE(missing.err.find(folder_.path().string()), std::string::npos) << missing.err;
  folder_.write("libsotto_train.so", {'x'});
  const Outcome foreign = in(folder_.path());
  EXPECT_EQ(foreign.exit_code, 64);
  EXPECT_NE(foreign.err.find("cannot load"), std::string::npos) << foreign.err;
}

TEST_F(TrainUsage, ProgramLinksNoLibTorch) {
  std::FILE* pipe = ::popen("ldd '" SOTTO_PROGRAM "'", "r");
  std::string text;
  char buffer[4096];
  while (const size_t count = std::fread(buffer, 1, sizeof buffer, pipe)) text.append(buffer, count);
  ASSERT_EQ(::pclose(pipe), 0);
  EXPECT_NE(text.find("libc.so"), std::string::npos) << text;
  EXPECT_EQ(text.find("torch"), std::string::npos) << text;
}

}  // namespace
}  // namespace sotto::tools

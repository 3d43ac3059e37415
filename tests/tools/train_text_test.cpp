// `sotto train text`, `resume`, `evaluate` and `predict`. Runs the real program on made-up texts.

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sotto/data/public_split.h>
#include <sotto/models/state.h>
#include <sotto/privacy/certificate.h>
#include <sotto/privacy/ledger_contents.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <map>
#include <nlohmann/json.hpp>
#include <sstream>

#include "run_weights.h"
#include "train_text_fixture.h"

namespace sotto::tools {
namespace {

using nlohmann::json;
using ::testing::HasSubstr;
using ::testing::Not;
using testing::run_weights;

TEST_F(TrainText, TrainsNetworksFromScratchThatFindTheLabels) {
  for (const char* model : {"bag", "lstm", "small-encoder"}) {
    const Outcome outcome = done(own(model, {"--model", model, "--test-fraction", "0.3", "--delta", "1e-4", "--epsilon",
                                             "10", "--steps", "60", "--json"}));
    const json object = json::parse(outcome.out);
    EXPECT_GT(object.at("accuracy").get<double>(), 0.9) << model;
    EXPECT_GT(object.at("f1").get<double>(), 0.9) << model;
    EXPECT_LE(object.at("epsilon").get<double>(), 10);
  }
}

TEST_F(TrainText, PredictsAndEvaluates) {
  done(own("run", {"--test-fraction", "0.3", "--delta", "1e-4", "--epsilon", "10", "--steps", "60"}));
  const std::string texts = write("new.txt", "the film was fine and warm\ncold the dull silly film\n");
  const Outcome lines = done({"predict", path("run"), "--input", texts});
  EXPECT_THAT(lines.out, ::testing::MatchesRegex("yes\t[01]\\.[0-9]+\nno\t[01]\\.[0-9]+\n"));
  const Outcome objects = done({"predict", path("run"), "--input", texts, "--json"});
  std::istringstream stream(objects.out);
  std::string line;
  ASSERT_TRUE(std::getline(stream, line));
  const json first = json::parse(line);
  EXPECT_EQ(first.at("label"), "yes");
  EXPECT_NEAR(first.at("probabilities").at("yes").get<double>() + first.at("probabilities").at("no").get<double>(), 1,
              1e-6);
  const Outcome table =
      done({"predict", path("run"), "--input", path("texts.tsv"), "--data-format", "tsv", "--text-column", "text"});
  EXPECT_EQ(std::ranges::count(table.out, '\n'), 200);
  // The ending tells the format, of test texts too, whatever that of the training texts is.
  EXPECT_EQ(done({"predict", path("run"), "--input", path("texts.tsv"), "--text-column", "text"}).out, table.out);
  write("tests.csv", "label,text\nyes,the film was fine\nno,cold\n");
  EXPECT_THAT(done({"evaluate", path("run"), "--test-data", path("tests.csv"), "--json"}).out,
              HasSubstr("\"test_records\": 2"));
  EXPECT_THAT(done({"evaluate", path("run")}).out, HasSubstr("F1 of yes"));
}

TEST_F(TrainText, PredictReadsNoMoreOfALineThanItMay) {
  done(own("run", {"--delta", "1e-4", "--epsilon", "10", "--steps", "2"}));
  const auto asked = [&](const std::string& text) {
    write("asked.txt", text);
    return run({"predict", path("run"), "--input", "-"},
               [&] { ::dup2(::open(path("asked.txt").c_str(), O_RDONLY), STDIN_FILENO); });
  };
  EXPECT_EQ(std::ranges::count(asked("fine\nthe film").out, '\n'), 2);
  const Outcome longer = asked("fine\n" + std::string(3 << 20, 'x') + "\nfilm\n");
  EXPECT_EQ(longer.exit_code, 65);
  EXPECT_THAT(longer.err, HasSubstr("line 2"));
  EXPECT_THAT(asked(std::string("a\0b\n", 4)).err, HasSubstr("standard input, line 1: a zero byte"));
}

TEST_F(TrainText, PredictTakesTablesFromAPipe) {
  done(own("run", {"--delta", "1e-4", "--epsilon", "10", "--steps", "2"}));
  const Words columns = {"--data-format", "tsv", "--text-column", "text"};
  const Outcome of_file = done(with_flags({"predict", path("run"), "--input", path("texts.tsv")}, columns));
  const Outcome of_pipe = run(with_flags({"predict", path("run"), "--input", "-"}, columns), [&] {
    ::dup2(::fileno(::popen(("cat '" + path("texts.tsv") + "'").c_str(), "re")), STDIN_FILENO);
  });
  EXPECT_EQ(of_pipe.exit_code, 0) << of_pipe.err;
  EXPECT_EQ(of_pipe.out, of_file.out);
}

TEST_F(TrainText, EvaluateCountsEveryClassAsPredictFindsIt) {
  done(own("run", {"--delta", "1e-4", "--epsilon", "1", "--steps", "2"}));
  const std::string texts = write_texts("tests.tsv", 60);
  std::istringstream found(done({"predict", path("run"), "--input", texts, "--text-column", "text"}).out);
  std::istringstream records(content(texts));
  std::map<std::string, std::array<int, 3>> counts;  // labels, found, both
  std::string line, record;
  std::getline(records, record);
  while (std::getline(found, line) && std::getline(records, record)) {
    const std::string label = record.find("\tyes\t") != std::string::npos ? "yes" : "no",
                      said = line.substr(0, line.find('\t'));
    ++counts[label][0];
    ++counts[said][1];
    if (label == said) ++counts[label][2];
  }
  const Outcome evaluated = done({"evaluate", path("run"), "--test-data", texts, "--json"});
  const json object = json::parse(evaluated.out);
  ASSERT_EQ(object.at("classes").size(), 2U);
  for (const json& one : object.at("classes")) {
    const auto [labels, said, both] = counts.at(one.at("class").get<std::string>());
    EXPECT_EQ(one.at("labels"), labels);
    EXPECT_EQ(one.at("found"), said);
    EXPECT_EQ(one.at("correct"), both);
    EXPECT_NEAR(one.at("f1").get<double>(), 2.0 * both / (labels + said), 1e-12);
    EXPECT_NEAR(one.at("recall").get<double>(), static_cast<double>(both) / labels, 1e-12);
    EXPECT_NEAR(one.at("precision").get<double>(), static_cast<double>(both) / std::max(said, 1), 1e-12);
  }
  EXPECT_EQ(object.at("classes")[1].at("f1"), object.at("f1"));
  EXPECT_THAT(done({"evaluate", path("run"), "--test-data", texts}).out, HasSubstr("\nyes "));
}

// What the certificate says of all steps may not change between them.
TEST_F(TrainText, ADeclarationThatChangedIsNotResumed) {
  testing::Program program(own(
      "run", {"--delta", "1e-4", "--noise-multiplier", "80", "--steps", "4000", "--group-column", "id", "--group-up-to",
              "_", "--max-per-group", "3", "--dataset-size", "40", "--batch", "20", "--test-fraction", "0.3"}));
  const std::string ledger = path("run") + "/ledger.jsonl", config = path("run") + "/config.toml";
  ASSERT_TRUE(program.signal_when([&] { return content(ledger).size() > 4000; }, SIGINT));
  const Outcome stopped = program.finish();
  ASSERT_EQ(stopped.exit_code, 130) << stopped.err;
  const std::string given = content(config);
  const auto resumed_with = [&](const std::string& old, const std::string& now) {
    std::string text = given;
    const auto at = text.find(old);
    EXPECT_NE(at, std::string::npos) << old;
    write("run/config.toml", text.replace(at, old.size(), now));
    return run({"resume", path("run")});
  };
  for (const auto& [old, now] :
       {std::pair{"max-per-group = 3", "max-per-group = 1"}, {"labels = \"no, yes\"", "labels = \"yes, no\""}}) {
    const Outcome outcome = resumed_with(old, now);
    EXPECT_EQ(outcome.exit_code, 65) << now << outcome.err;
    EXPECT_THAT(outcome.err, HasSubstr("is another than when the run began"));
  }
  write("run/config.toml", given);
  write("run/vocabulary.txt", content(path("run") + "/vocabulary.txt") + "more\n");
  EXPECT_EQ(run({"resume", path("run")}).exit_code, 65);
  write("run/vocabulary.txt", content(path("words.txt")));
  EXPECT_EQ(resumed_with("lr = 0.02", "lr = 0.001").exit_code, 0);
}

// A folder that is not empty keeps the model from its name, as a full disk would: what was trained is in the
// checkpoint.
TEST_F(TrainText, AModelThatCouldNotBeWrittenIsWrittenByResume) {
  const Words words = own("run", {"--model", "lstm", "--delta", "1e-4", "--epsilon", "10", "--steps", "60"});
  testing::Program program(words);
  ASSERT_TRUE(program.signal_when([&] { return std::filesystem::exists(path("run") + "/ledger.jsonl"); }, SIGCONT));
  std::filesystem::create_directories(path("run") + "/model.safetensors/in_the_way");
  const Outcome outcome = program.finish();
  ASSERT_EQ(outcome.exit_code, 74) << outcome.err;
  std::filesystem::remove_all(path("run") + "/model.safetensors");
  const Outcome resumed = done({"resume", path("run")});
  EXPECT_THAT(resumed.out + resumed.err, ::testing::Not(HasSubstr("came after the checkpoint")));
  const std::string texts = write("new.txt", "the film was fine and warm\ncold the dull silly film\n");
  EXPECT_THAT(done({"predict", path("run"), "--input", texts}).out, ::testing::MatchesRegex("yes\t.*\nno\t.*\n"));
}

TEST_F(TrainText, PredictRefusesBadTextsWithTheirLine) {
  done(own("run", {"--delta", "1e-4", "--epsilon", "10", "--steps", "2"}));
  const Outcome outcome = run({"predict", path("run"), "--input", write("bad.txt", "fine\n\xff\n")});
  EXPECT_EQ(outcome.exit_code, 65) << outcome.err;
  EXPECT_THAT(outcome.err, HasSubstr("line 2"));
  EXPECT_EQ(std::ranges::count(outcome.out, '\n'), 1) << outcome.out;  // of the text before it
}

TEST_F(TrainText, AnEmptyTextHasAnEmptyAnswerInItsPlace) {
  done(own("run", {"--delta", "1e-4", "--epsilon", "10", "--steps", "2"}));
  const std::string texts = write("gaps.txt", "fine\n\n \t\ncold film\n");
  const Outcome lines = done({"predict", path("run"), "--input", texts});
  EXPECT_THAT(lines.out, ::testing::MatchesRegex("(yes|no)\t[^\n]*\n\n\n(yes|no)\t[^\n]*\n"));
  EXPECT_THAT(lines.err, HasSubstr("2 texts are empty"));
  const Outcome without = done({"predict", path("run"), "--input", write("whole.txt", "fine\ncold film\n")});
  std::string dense = lines.out;
  std::erase(dense, '\n');
  std::string expected = without.out;
  std::erase(expected, '\n');
  EXPECT_EQ(dense, expected);
  EXPECT_THAT(done({"predict", path("run"), "--input", texts, "--json"}).out, HasSubstr("\n{\"label\":null}\n"));
}

TEST_F(TrainText, PredictKnowsTheColumnOfTheRun) {
  done(own("run", {"--delta", "1e-4", "--epsilon", "10", "--steps", "2"}));
  const Outcome told = done({"predict", path("run"), "--input", path("texts.tsv"), "--text-column", "text"});
  EXPECT_EQ(done({"predict", path("run"), "--input", path("texts.tsv")}).out, told.out);
  EXPECT_THAT(run({"predict", path("run"), "--input", write("other.tsv", "note\na\n")}).err,
              HasSubstr("none of them 'text'"));
}

TEST_F(TrainText, PredictRefusesWhatIsNoNumber) {
  done(own("run", {"--delta", "1e-4", "--epsilon", "10", "--steps", "2"}));
  auto state = models::read_state(path("run") + "/model.safetensors");
  for (models::NamedTensor& named : state) named.tensor.fill_(1e38);
  models::save_state(path("run") + "/model.safetensors", state);
  const Outcome outcome = run({"predict", path("run"), "--input", write("new.txt", "fine film\n")});
  EXPECT_EQ(outcome.exit_code, 65) << outcome.out;
  EXPECT_EQ(outcome.out, "");
  EXPECT_THAT(outcome.err, HasSubstr("no finite number"));
}

TEST_F(TrainText, TestsThatAreTheRecordsAreRefused) {
  const Outcome outcome = run(own("run", {"--test-data", path("texts.tsv"), "--delta", "1e-4", "--epsilon", "10"}));
  EXPECT_EQ(outcome.exit_code, 64);
  EXPECT_THAT(outcome.err, HasSubstr("is the file of --data"));
}

// A test file has the format that its ending tells, unless that is the ending of the records.
TEST_F(TrainText, TestsMayHaveAnotherFormatThanTheRecords) {
  std::string lines = content(write_texts("texts.tsv", 60));
  std::ranges::replace(lines, '\t', ';');
  done(own("run", {"--data", write("texts.csv", lines), "--data-format", "semicolons", "--test-data",
                   write_texts("tests.tsv", 20), "--dataset-size", "60", "--delta", "1e-3", "--epsilon", "10",
                   "--steps", "2"}));
  EXPECT_EQ(run({"evaluate", path("run"), "--test-data", path("texts.csv")}).exit_code, 0);
}

TEST_F(TrainText, EvaluateWarnsOfTheRecordsThatWereTrainedOn) {
  done(own("run",
           {"--test-fraction", "0.3", "--split-seed", "4", "--delta", "1e-4", "--epsilon", "10", "--steps", "2"}));
  EXPECT_THAT(done({"evaluate", path("run")}).err, Not(HasSubstr("that the run was trained on")));
  EXPECT_THAT(done({"evaluate", path("run"), "--test-data", write_texts("other.tsv", 20)}).err,
              Not(HasSubstr("that the run was trained on")));
  EXPECT_THAT(done({"evaluate", path("run"), "--test-data", path("texts.tsv")}).err,
              HasSubstr("that the run was trained on"));
}

// Between the claim of the folder and the first step a signal waits: what there is can be gone on with.
TEST_F(TrainText, ASignalBeforeTheFirstStepLeavesWhatCanBeResumed) {
  testing::Program program(own("run", {"--delta", "1e-4", "--noise-multiplier", "80", "--steps", "4000"}));
  ASSERT_TRUE(program.signal_when([&] { return std::filesystem::exists(path("run") + "/config.toml"); }, SIGTERM));
  const Outcome stopped = program.finish();
  ASSERT_EQ(stopped.exit_code, 143) << stopped.err;
  EXPECT_THAT(stopped.err, HasSubstr("continue with: sotto resume"));
  EXPECT_THAT(done({"predict", path("run"), "--input", write("new.txt", "fine\n")}).err,
              HasSubstr("was stopped after"));
  EXPECT_EQ(run({"resume", path("run")}).exit_code, 0);
}

// What a line says was spent is what metrics.jsonl and the certificate say.
TEST_F(TrainText, TheTerminalSaysTheCertifiedEpsilon) {
  const Outcome outcome =
      done(own("run", {"--test-fraction", "0.3", "--delta", "1e-4", "--epsilon", "10", "--steps", "20"}));
  std::istringstream metrics(content(path("run") + "/metrics.jsonl"));
  std::string line;
  ASSERT_TRUE(std::getline(metrics, line));
  const json first = json::parse(line);
  const std::string place = "step " + std::to_string(first.at("step").get<int>()) + " of 20: ";
  const std::size_t at = outcome.err.find(place), epsilon = outcome.err.find(", epsilon ", at);
  ASSERT_NE(epsilon, std::string::npos) << outcome.err;
  const double spent = std::stod(outcome.err.substr(epsilon + 10)), exact = first.at("epsilon_spent").get<double>();
  EXPECT_GE(spent, exact);
  EXPECT_LT(spent, exact * (1 + 1e-5));
}

// The ledger of a private run knows its checkpoints by their hashes; without privacy there is none.
TEST_F(TrainText, ACheckpointThatCannotBeIsRefusedBeforeAStepIsCharged) {
  for (const bool is_private : {true, false}) {
    const std::string name = is_private ? "private" : "plain";
    Words flags = is_private ? Words{"--delta", "1e-4", "--noise-multiplier", "80"} : Words{"--rule", "none"};
    flags.insert(flags.end(), {"--steps", "4000"});
    testing::Program program(own(name, flags));
    const std::string ledger = path(name) + "/ledger.jsonl", checkpoint = path(name) + "/checkpoint.safetensors";
    const std::string metrics = path(name) + "/metrics.jsonl";
    ASSERT_TRUE(
        program.signal_when([&] { return content(ledger).size() > 4000 || !content(metrics).empty(); }, SIGINT));
    ASSERT_EQ(program.finish().exit_code, 130);
    const std::string before = content(ledger);
    const auto state = models::read_state(checkpoint);
    const models::Metadata good = models::SafetensorsFile::read(checkpoint).metadata();
    for (const auto& [key, value] : {std::pair{"updates", "-1"},
                                     {"updates", "9223372036854775807"},
                                     {"applied_steps", "-5"},
                                     {"applied_steps", "99999999"},
                                     {"lr", "-1"}}) {
      models::Metadata metadata = good;
      metadata[key] = value;
      models::save_state(checkpoint, state, metadata);
      const Outcome outcome = run({"resume", path(name)});
      EXPECT_EQ(outcome.exit_code, 65) << key << " " << value << ": " << outcome.err;
      EXPECT_EQ(content(ledger), before) << key;
    }
  }
}

// The same coins: a run that was stopped and resumed goes on with the moments and counts of its optimizer. Without
// noise and with every record in every step the weights are those of a run in one piece.
TEST_F(TrainText, ResumedRunGoesOnWithItsOptimizer) {
  for (const char* optimizer : {"adam", "adamw", "sgd"}) {
    const auto words = [&](const std::string& output) {
      return own(output, {"--rule", "none", "--batch", "200", "--optimizer", optimizer, "--insecure-test-seed", "5",
                          "--lr-schedule", "cosine", "--warmup", "3", "--steps", "3000"});
    };
    done(words(std::string(optimizer) + "-whole"));
    testing::Program program(words(optimizer));
    const std::string metrics = path(optimizer) + "/metrics.jsonl";
    ASSERT_TRUE(program.signal_when([&] { return !content(metrics).empty(); }, SIGINT));
    const Outcome stopped = program.finish();
    ASSERT_EQ(stopped.exit_code, 130) << "the run was over before it could be stopped";
    done({"resume", path(optimizer)});
    const std::vector<float> a = run_weights(path(optimizer)), b = run_weights(path(std::string(optimizer) + "-whole"));
    ASSERT_EQ(a.size(), b.size());
    for (size_t i = 0; i < a.size(); ++i) ASSERT_NEAR(a[i], b[i], 1e-4 * (1 + std::abs(b[i]))) << optimizer << ' ' << i;
  }
}

// Lines move up where one is taken out, and copies may go: nothing of that moves another text to the other side.
TEST_F(TrainText, TestsAreTheSameWithoutATrainingRecord) {
  const data::PublicSplit split(0.3, 1, data::PublicSplit::By::text);
  const auto file_without = [&](bool removed) {
    std::string lines = "text\tlabel\n", first;
    for (int i = 0; i < 60; ++i) {
      const std::string text = "text " + std::to_string(i % 50) + (i % 3 == 0 ? " film" : " story");
      if (first.empty() && !split.tests_record(0, text)) first = text;
      if (removed && text == first) continue;  // the record and its copy
      lines += text + (i % 2 == 0 ? "\tyes\n" : "\tno\n");
    }
    return write("split.tsv", lines);
  };
  done(own("run", {"--data", file_without(false), "--drop-repeats", "--test-fraction", "0.3", "--dataset-size", "40",
                   "--batch", "20", "--delta", "1e-3", "--noise-multiplier", "2", "--steps", "2"}));
  const std::string whole = done({"evaluate", path("run"), "--json"}).out;
  file_without(true);
  EXPECT_EQ(done({"evaluate", path("run"), "--json"}).out, whole);
}

TEST_F(TrainText, GroupsAreTheUnitOfPrivacy) {
  done(own("run", {"--group-column", "id", "--group-up-to", "_", "--max-per-group", "3", "--dataset-size", "40",
                   "--batch", "20", "--delta", "1e-4", "--noise-multiplier", "2", "--steps", "3"}));
  const auto certificate = privacy::parse_certificate(content(path("run") + "/certificate.json"));
  EXPECT_THAT(privacy::statement(certificate),
              HasSubstr("the unit of privacy is one group. A group is all texts with "
                        "the same id up to the first '_', of which at most 3 are used"));
  EXPECT_THAT(content(path("run") + "/certificate.json"), HasSubstr("\"unit\": \"group\""));
  EXPECT_TRUE(privacy::read_ledger(path("run") + "/ledger.jsonl").header.unit_is_group);
  EXPECT_EQ(certificate.dataset_size_declared, 40);
  EXPECT_EQ(certificate.weight_rule_bound, 1.0);  // of a whole group
}

TEST_F(TrainText, ARegressionTellsItsErrorInTheUnitOfTheLabels) {
  const Outcome outcome = done(own("run", {"--label-column", "score", "--labels", "range -4 4", "--test-fraction",
                                           "0.3", "--delta", "1e-4", "--epsilon", "10", "--steps", "80", "--json"}));
  const double error = json::parse(outcome.out).at("root_mean_square_error").get<double>();
  EXPECT_LT(error, 2.5);  // always saying 0 would be off by 4
  EXPECT_GT(error, 0.01);
  const Outcome said = done({"predict", path("run"), "--input", write("new.txt", "warm the film\ncold the film\n")});
  std::istringstream numbers(said.out);
  double warm = 0, cold = 0;
  numbers >> warm >> cold;
  EXPECT_GT(warm, 1);
  EXPECT_LT(cold, -1);
  // The error is that of what predict says, which stays in the range.
  const std::string one = write("one.tsv", "text\tscore\nwarm the film\t-4\n");
  const auto measured = json::parse(done({"evaluate", path("run"), "--test-data", one, "--json"}).out);
  EXPECT_NEAR(measured.at("root_mean_square_error").get<double>(), warm + 4, 1e-3);
}

// What the owner of the data is told of the records is in no file that leaves with the run.
TEST_F(TrainText, WhatIsToldOfPrivateTextsStaysOnTheTerminal) {
  const std::string lines = content(write_texts("base.tsv", 120)) + "author1_7\tfine fine fine fine fine\tyes\t4\n" +
                            "author2_8\tfine fine fine fine fine\tyes\t4\n";
  const std::string data = write("repeated.tsv", lines);
  const Outcome outcome = done(own("run", {"--data", data, "--drop-repeats", "--max-tokens", "4", "--delta", "1e-4",
                                           "--noise-multiplier", "2", "--steps", "3"}));
  EXPECT_THAT(outcome.err, HasSubstr("122 records read"));
  EXPECT_THAT(outcome.err, HasSubstr("121 to train on"));
  EXPECT_THAT(outcome.err, HasSubstr("1 left out as repeats"));
  EXPECT_THAT(outcome.err, HasSubstr("texts have more than 4 tokens"));
  for (const auto& entry : std::filesystem::recursive_directory_iterator(path("run"))) {
    if (!entry.is_regular_file()) continue;
    const bool is_weights = entry.path().extension() == ".safetensors";
    std::string text = is_weights ? "" : content(entry.path());
    if (is_weights) {
      const auto weights = models::SafetensorsFile::read(entry.path());
      for (const auto& [name, value] : weights.metadata()) text += value + " \n";
    }
    for (const char* told : {"122 ", "121 ", " 122", " 121", "repeat of", "occur more than once", "have more than"})
      EXPECT_THAT(text, Not(HasSubstr(told))) << entry.path();
  }
}

}  // namespace
}  // namespace sotto::tools

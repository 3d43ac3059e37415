#include <gtest/gtest.h>
#include <sotto/benchmarks/account_questions.h>
#include <sotto/privacy/error.h>

#include <fstream>
#include <nlohmann/json.hpp>
#include <set>
#include <string>

#include "../privacy/golden_table.h"
#include "../support/scratch_folder.h"

namespace sotto::benchmarks {
namespace {

std::set<std::string> rows_of(const std::string& path) {
  std::ifstream file(path);
  EXPECT_TRUE(file) << path;
  std::set<std::string> rows;
  for (std::string line; std::getline(file, line);)
    if (!line.empty() && line[0] != '#') rows.insert(line);
  return rows;
}

// Sentence of the error that reading this text gives; empty when it reads.
std::string refusal(const std::string& text) {
  const sotto::testing::ScratchFolder folder;
  const std::string path = folder.path() / "questions.csv";
  std::ofstream(path) << text;
  try {
    read_account_questions(path);
  } catch (const UsageError& error) {
    return error.what();
  }
  return {};
}

TEST(AccountQuestions, TheTwelveAreRowsOfTheGoldenTableUnchanged) {
  const auto golden = rows_of(std::string(SOTTO_TEST_DATA) + "/golden_composed.csv");
  const auto questions = rows_of(SOTTO_QUESTIONS);
  EXPECT_EQ(questions.size(), 1 + 12);
  for (const std::string& row : questions) EXPECT_EQ(golden.count(row), 1) << row;
  EXPECT_EQ(read_account_questions(SOTTO_QUESTIONS).size(), 12);
}

TEST(AccountQuestions, AnswersHoldTheExactValueOrSayWhyThereIsNone) {
  const sotto::testing::ScratchFolder folder;
  const std::string path = folder.path() / "questions.csv";
  std::ofstream(path) << "label,q,sigma,T,delta\nAbadi16,0.01,4,10000,1e-5\ntwo phases,0.01/0.02,1/1.5,500/500,1e-5\n";
  const auto answers = nlohmann::json::parse(answers_as_json(read_account_questions(path), 1e-3, 1)).at("answers");
  const std::map<std::string, double> exact{{"Abadi16", 0.94686680076438045}, {"two phases", 1.8974759}};
  ASSERT_EQ(answers.size(), 8);
  int certified = 0;
  for (const auto& answer : answers) {
    if (answer.contains("error")) {
      EXPECT_NE(answer.at("error"), "");
      continue;
    }
    EXPECT_LE(answer.at("lower"), exact.at(answer.at("label")) + 3e-7) << answer;
    EXPECT_GE(answer.at("upper"), exact.at(answer.at("label")) - 3e-7) << answer;
    EXPECT_GT(answer.at("seconds"), 0);
    if (answer.at("method") == "certified") ++certified;
  }
  EXPECT_EQ(certified, 2);
}

TEST(AccountQuestions, TablesThatDoNotReadAreRefusedWithTheirLine) {
  const std::string header = "label,q,sigma,T,delta\n";
  EXPECT_EQ(refusal(header + "a,0.1,1,10,1e-5\n"), "");
  EXPECT_NE(refusal("").find("holds no question"), std::string::npos);
  EXPECT_NE(refusal(header).find("holds no question"), std::string::npos);
  EXPECT_NE(refusal(header + "a,0.1,1,10\n").find(":2: 4 fields, the header has 5"), std::string::npos);
  EXPECT_NE(refusal("label,q,sigma,T\na,0.1,1,10\n").find("column delta is missing"), std::string::npos);
  EXPECT_NE(refusal(header + "# comment\na,0.1,1,10,1e-5\nb,0.1,1,1e1,1e-5\n").find(":4: "), std::string::npos);
  EXPECT_NE(refusal(header + "a,0.1/0.2,1,10,1e-5\n").find("not the same number of phases"), std::string::npos);
  EXPECT_THROW(read_account_questions("/no/such/file"), UsageError);
}

}  // namespace
}  // namespace sotto::benchmarks

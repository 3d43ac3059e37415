// The statement of a certificate: the golden texts. Whoever changes them must think about every word.

#include <gtest/gtest.h>

#include <string>

#include "certificate_sample.h"

namespace sotto::privacy {
namespace {

TEST(Certificate, StatementIsCompleteForAStoppedRun) {
  EXPECT_EQ(
      statement(example()),
      "Everything released from the noised gradient sums of this run, the trained model and all its checkpoints "
      "included, is (1.2501, 1e-05)-differentially private for the 1000 planned steps. Two data sets are neighbours "
      "when they differ by the addition or removal of one record; the unit of privacy is one record. Each step "
      "includes every record independently with probability 0.004 (256 expected of 64000 declared), limits the "
      "contribution of a record to norm 0.5 by the rule flat, and adds Gaussian noise of standard deviation 1.1 times "
      "that norm to every coordinate of the sum. The epsilon is an upper bound computed by accountant rdp version 1. "
      "400 of the planned steps were executed; for these the figure is (0.9000, 1e-05), which may be quoted only if "
      "the stopping time did not depend on the data or on outputs of the run. Before training, records were scaled: "
      "pixels by a public constant. Not covered: the choice of hyper-parameters; the time that steps take.");
}

TEST(Certificate, StatementOfACompleteRunQuotesOneFigure) {
  Certificate c = example();
  c.executed = c.planned;
  const std::string text = statement(c);
  EXPECT_NE(text.find("All planned steps were executed."), std::string::npos);
  EXPECT_EQ(text.find("may be quoted only if"), std::string::npos);
  EXPECT_EQ(text.find("1.2501"), text.rfind("1.2501"));
}

TEST(Certificate, StatementNamesTheAdjacency) {
  Certificate c = example();
  c.adjacency = Adjacency::zero_out;
  EXPECT_NE(statement(c).find("by the replacement of one record by a null record"), std::string::npos);
  c.adjacency = Adjacency::replace_one;
  EXPECT_NE(statement(c).find("by the replacement of one record by another"), std::string::npos);
}

TEST(Certificate, TheUnitOfAGroupRunIsTheGroup) {
  Certificate c = example();
  c.group = "all texts with the same author, of which at most 8 are used";
  const std::string text = statement(c);
  EXPECT_NE(
      text.find("by the addition or removal of one group; the unit of privacy is one group. A group is all texts "
                "with the same author, of which at most 8 are used. Each step includes every group independently"),
      std::string::npos)
      << text;
  EXPECT_EQ(text.find("one record"), std::string::npos) << text;
  EXPECT_EQ(parse_certificate(to_json(c)).group, c.group);
  EXPECT_NE(to_json(c).find("\"unit\": \"group\""), std::string::npos);
}

TEST(Certificate, RunThatIsNotPrivateQuotesNoFigure) {
  Certificate c = example();
  c.not_private = "test keys were used";
  EXPECT_EQ(statement(c), "NOT PRIVATE: test keys were used. No privacy guarantee may be quoted for this run.");
  const std::string json = to_json(c);
  EXPECT_NE(json.find("\"private\": false"), std::string::npos);
  EXPECT_NE(json.find("\"stamp\": \"NOT PRIVATE: test keys were used\""), std::string::npos);
  EXPECT_EQ(parse_certificate(json).not_private, "test keys were used");
  EXPECT_EQ(to_json(example()).find("stamp"), std::string::npos);
}

}  // namespace
}  // namespace sotto::privacy

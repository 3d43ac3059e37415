#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sotto/data/label_rule.h>
#include <sotto/privacy/error.h>

#include "../support/message.h"

namespace sotto::data {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

// The class or number as text, "dropped", or the reason of a refusal.
std::string judged(const std::string& rule, const std::string& field) {
  const LabelRule::Verdict verdict = LabelRule::parse(rule).judge(field);
  if (verdict.kind == LabelRule::Verdict::Kind::dropped) return "dropped";
  if (verdict.kind == LabelRule::Verdict::Kind::refused) return verdict.reason;
  std::string text = std::to_string(verdict.label);
  text.erase(text.find_last_not_of('0') + 1);
  return text;
}

std::string refused(const std::string& rule) {
  return testing::message_of<UsageError>([&] { LabelRule::parse(rule); });
}

TEST(LabelRuleTest, NamedClassesAreTheirPlaces) {
  const std::string rule = " negative, positive ,drop no idea";
  EXPECT_EQ(judged(rule, "negative"), "0.");
  EXPECT_EQ(judged(rule, "positive"), "1.");
  EXPECT_EQ(judged(rule, "no idea"), "dropped");
  for (const char* field : {"Positive", " positive", "", "drop no idea", "0", "positive\r"})
    EXPECT_EQ(judged(rule, field), "the label is not among the 2 declared classes: negative, positive");
  const LabelRule parsed = LabelRule::parse(rule);
  EXPECT_THAT(parsed.class_names(), ElementsAre("negative", "positive"));
  EXPECT_FALSE(parsed.is_range());
  EXPECT_EQ(parsed.text(), "negative, positive ,drop no idea");
}

TEST(LabelRuleTest, NumbersFallIntoTheirClauses) {
  const std::string rule = "<0 -> 0, >0 -> 1, drop 0";
  for (const char* field : {"-0.001", "-4", "-1e300"}) EXPECT_EQ(judged(rule, field), "0.");
  for (const char* field : {"0.001", "4", "1e-300"}) EXPECT_EQ(judged(rule, field), "1.");
  for (const char* field : {"0", "-0", "0.000"}) EXPECT_EQ(judged(rule, field), "dropped");
  for (const char* field : {"", "x", "1x", " 1", "1 ", "+1", "nan", "inf", "-inf", "1e999", "0x1"})
    EXPECT_EQ(judged(rule, field), "the label is not a number (with a point, where it is no whole one)") << field;
  EXPECT_THAT(LabelRule::parse(rule).class_names(), ElementsAre("0", "1"));
}

TEST(LabelRuleTest, EndsOfClausesAreOpenOrClosedAsTheyAreWritten) {
  const std::string rule = "< -1 -> 0, drop >=-1 < -0.5, >= -0.5 <=0.5->1, 3 -> 2";
  EXPECT_EQ(judged(rule, "-1.5"), "0.");
  EXPECT_EQ(judged(rule, "-1"), "dropped");
  EXPECT_EQ(judged(rule, "-0.5"), "1.");
  EXPECT_EQ(judged(rule, "0.5"), "1.");
  EXPECT_EQ(judged(rule, "3"), "2.");
  for (const char* field : {"0.5001", "2.999", "4"})
    EXPECT_EQ(judged(rule, field), "the label is a number that no clause of the rule names");
}

TEST(LabelRuleTest, NumbersOfARangeStayAsTheyAre) {
  const std::string rule = "range -4 4";
  EXPECT_EQ(judged(rule, "-4"), "-4.");
  EXPECT_EQ(judged(rule, "4"), "4.");
  EXPECT_EQ(judged(rule, "0.25"), "0.25");
  for (const char* field : {"4.001", "-4.001"})
    EXPECT_EQ(judged(rule, field), "the label is outside of the declared range -4 to 4");
  EXPECT_EQ(judged(rule, "nan"), "the label is not a number (with a point, where it is no whole one)");
  const LabelRule parsed = LabelRule::parse(rule);
  EXPECT_TRUE(parsed.is_range());
  EXPECT_THAT(parsed.class_names(), IsEmpty());
  EXPECT_EQ(parsed.low(), -4);
  EXPECT_EQ(parsed.high(), 4);
}

TEST(LabelRuleTest, ReasonsTellNothingOfTheField) {
  for (const char* rule : {"a, b", "<0 -> 0, >1 -> 1", "range 0 1"})
    for (const char* field : {"7331", "x7331"}) {
      if (rule[0] == '<' && field[0] == '7') continue;
      EXPECT_THAT(judged(rule, field), AllOf(HasSubstr("the label is"), Not(HasSubstr("7331"))));
    }
}

TEST(LabelRuleTest, WrongRulesAreRefused) {
  EXPECT_EQ(refused("a, b"), "accepted");
  EXPECT_THAT(refused(""), HasSubstr("[LabelRule] '': 1 classes; 2 to 256 distinct names"));
  EXPECT_THAT(refused("a"), HasSubstr("'a': 1 classes"));
  EXPECT_THAT(refused("a, drop b"), HasSubstr("1 classes"));
  EXPECT_THAT(refused("a, a"), HasSubstr("distinct names"));
  EXPECT_THAT(refused("a,,b"), HasSubstr("none empty"));
  EXPECT_THAT(refused("a, b, drop a"), HasSubstr("'a' is empty or repeated"));
  EXPECT_THAT(refused("a, b, drop"), HasSubstr("'drop' says no label"));
  EXPECT_THAT(refused("a, b, drop c, drop c"), HasSubstr("'c' is empty or repeated"));
  std::string many = "0";
  for (int i = 1; i <= 256; ++i) many += "," + std::to_string(i);
  EXPECT_THAT(refused(many), HasSubstr("257 classes"));

  EXPECT_THAT(refused("<=0 -> 0, >=0 -> 1"), HasSubstr("a number fits two clauses"));
  EXPECT_THAT(refused("<0 -> 0, >0 -> 1, drop 3"), HasSubstr("a number fits two clauses"));
  EXPECT_THAT(refused("1 -> 0, 1 -> 1"), HasSubstr("a number fits two clauses"));
  EXPECT_EQ(refused("<0 -> 0, >=0 -> 1"), "accepted");
  EXPECT_THAT(refused("<0 -> 0, >0 -> 2"), HasSubstr("without gaps"));
  EXPECT_THAT(refused("<0 -> 1, >0 -> 1"), HasSubstr("without gaps"));
  EXPECT_THAT(refused("<0 -> 0, drop >0"), HasSubstr("at least 2"));
  EXPECT_THAT(refused("<0 -> 0, >0 -> 256"), HasSubstr("names no class from 0 to 255"));
  EXPECT_THAT(refused("<0 -> 0, >0 -> -1"), HasSubstr("names no class"));
  EXPECT_THAT(refused("<0 -> 0, >0 -> good"), HasSubstr("names no class"));
  EXPECT_THAT(refused("<0 -> 0, >0"), HasSubstr("names no class"));
  EXPECT_THAT(refused("<0 -> 0, -> 1"), HasSubstr("a clause says no numbers"));
  EXPECT_THAT(refused("<x -> 0, >0 -> 1"), HasSubstr("'x' is not a number"));
  EXPECT_THAT(refused("< -> 0, >0 -> 1"), HasSubstr("'' is not a number"));
  EXPECT_THAT(refused("<inf -> 0, >0 -> 1"), HasSubstr("'inf' is not a number"));
  EXPECT_THAT(refused(">0 >1 -> 0, <0 -> 1"), HasSubstr("two bounds on one side"));
  EXPECT_THAT(refused(">1 <1 -> 0, <0 -> 1"), HasSubstr("no number fits a clause"));
  EXPECT_THAT(refused(">=1 <1 -> 0, <0 -> 1"), HasSubstr("no number fits a clause"));

  EXPECT_THAT(refused("range 4"), HasSubstr("a range needs two numbers"));
  EXPECT_THAT(refused("range 4 -4"), HasSubstr("the first below the second"));
  EXPECT_THAT(refused("range 4 4"), HasSubstr("the first below the second"));
  EXPECT_THAT(refused("range nan 4"), HasSubstr("a range needs two numbers"));
  EXPECT_THAT(refused("range -1e308 1e308"), HasSubstr("wider than floating-point numbers can scale"));
  EXPECT_THAT(refused("range 0 inf"), HasSubstr("a range needs two numbers"));
  EXPECT_THAT(refused("range 0 1 2"), HasSubstr("a range needs two numbers"));
}

}  // namespace
}  // namespace sotto::data

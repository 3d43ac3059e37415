#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sotto/data/repeated_texts.h>
#include <sotto/data/text_table.h>

#include <algorithm>
#include <array>
#include <set>

#include "text_files.h"

namespace sotto::data {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

TextTableOptions labelled(const std::string& rule = "no, yes, drop maybe") {
  return {.text_column = "text", .label_column = "label", .labels = LabelRule::parse(rule)};
}

TextTableOptions grouped(std::int64_t most, const std::string& up_to = "_") {
  return {.text_column = "text", .group_column = "id", .group_up_to = up_to, .max_per_group = most};
}

class TextTableTest : public testing::TextFileTest {
 protected:
  TextTable table(const std::string& text, const TextTableOptions& options) {
    return read_text_table(file(text), options);
  }
  std::string refused(const std::string& text, const TextTableOptions& options) {
    return data_error([&] { table(text, options); });
  }
};

TEST_F(TextTableTest, TextsComeWithTheirLabelsAndNumbers) {
  const TextTable t = table("id\tlabel\ttext\n1\tyes\ta b\n\n2\tmaybe\tc\n3\tno\t\"d\n", labelled());
  EXPECT_THAT(t.texts, ElementsAre("a b", "\"d"));
  EXPECT_THAT(t.labels, ElementsAre(1, 0));
  EXPECT_THAT(t.numbers, ElementsAre(1, 3));
  EXPECT_THAT(t.groups, IsEmpty());
  EXPECT_EQ(t.count(), 2);
  EXPECT_EQ(t.report.records, 3);
  EXPECT_EQ(t.report.dropped_by_rule, 1);
  EXPECT_THAT(t.report.repeats, IsEmpty());
}

TEST_F(TextTableTest, TextsWithoutLabelsAreReadFromAllFormats) {
  EXPECT_THAT(table("text\na\nb\n", {.text_column = "text"}).texts, ElementsAre("a", "b"));
  EXPECT_THAT(table("a,\"b\nc\"\n", {.format = TextFormat::csv, .header = false, .text_column = "2"}).texts,
              ElementsAre("b\nc"));
  EXPECT_THAT(table("{\"t\": \"a\"}", {.format = TextFormat::jsonl, .text_column = "t"}).texts, ElementsAre("a"));
  EXPECT_THAT(table("a\nb", {.format = TextFormat::lines, .text_column = ""}).texts, ElementsAre("a", "b"));
  EXPECT_THAT(table("a\n", {.format = TextFormat::lines, .text_column = ""}).labels, IsEmpty());
}

TEST_F(TextTableTest, NumbersOfJsonAreLabels) {
  TextTableOptions options = labelled("range -4 4");
  options.format = TextFormat::jsonl;
  EXPECT_THAT(table("{\"text\": \"a\", \"label\": -1.5}\n{\"text\": \"b\", \"label\": \"2\"}", options).labels,
              ElementsAre(-1.5, 2));
  options = labelled("false, true");
  options.format = TextFormat::jsonl;
  EXPECT_THAT(table("{\"text\": \"a\", \"label\": true}\n{\"text\": \"b\", \"label\": false}", options).labels,
              ElementsAre(1, 0));
}

// 1, 1.0 and 1e0 are one number, and would be three groups.
TEST_F(TextTableTest, AGroupOfJsonHasOneSpelling) {
  TextTableOptions options = grouped(9, "");
  options.format = TextFormat::jsonl;
  const auto with = [](const char* group) { return "{\"text\": \"a\", \"id\": " + std::string(group) + "}\n"; };
  EXPECT_EQ(
      table(with("1") + with("\"1\"") + with("-7") + with("\"v1.0\"") + with("\"e\""), options).group_names.size(), 4U);
  for (const char* spelling : {"1.0", "1e0", "10E-1", "\"1.5\"", "1e-400", "-1e-400"})
    EXPECT_THAT(refused(with("1") + with(spelling), options), HasSubstr("line 2: column id: the group is a number"))
        << spelling;
}

TEST_F(TextTableTest, RefusalsNameFileAndLineAndNothingOfTheRecord) {
  const std::string good = "label\ttext\nyes\ta\n";
  EXPECT_THAT(refused(good + "7331\tb\n", labelled()),
              AllOf(HasSubstr("t.txt, line 3: column label: the label is not among the 2 declared classes"),
                    Not(HasSubstr("7331"))));
  for (const char* text : {"", " ", " \f\v ", "\r"})
    EXPECT_THAT(refused(good + "no\t" + text + "\n", labelled()), HasSubstr("t.txt, line 3: the text is empty"));
  EXPECT_THAT(refused(good + "maybe\t\n", labelled()), HasSubstr("line 3: the text is empty"));
  EXPECT_THAT(refused("a\n\nb\n", {.format = TextFormat::lines, .text_column = ""}),
              HasSubstr("line 2: the text is empty"));
  EXPECT_THAT(refused("label\ttext\n", labelled()), HasSubstr("t.txt: holds no record"));
  EXPECT_THAT(refused("label\ttext\nmaybe\ta\n", labelled()), HasSubstr("the rule of labels leaves out all records"));
  EXPECT_THAT(refused("id\ttext\na_1\tx\n7331\ty\n", grouped(1)),
              AllOf(HasSubstr("line 3: column id: no '_' in the field"), Not(HasSubstr("7331"))));
  EXPECT_THAT(refused("id\ttext\n_1\tx\n", grouped(1)), HasSubstr("line 2: column id: the group is empty"));
  EXPECT_THAT(refused("id\ttext\n \tx\n", grouped(1, "")), HasSubstr("line 2: column id: the group is empty"));
  TextTableOptions few = labelled();
  few.max_records = 1;
  EXPECT_EQ(refused(good, few), "accepted");
  EXPECT_THAT(refused(good + "no\tb\n", few), HasSubstr("line 3: more than the limit of 1 records"));
  few = labelled();
  few.max_bytes = 10;
  EXPECT_THAT(refused(good, few), HasSubstr("longer than the limit of 10 bytes"));
}

TEST_F(TextTableTest, RecordsThatCannotBeUsedAreToldTogether) {
  const std::string header = "label\ttext\n";
  EXPECT_THAT(refused(header + "7331\ta\nyes\ta\nno\t\nyes\ta\tb\nno\t\n", labelled()),
              ::testing::MatchesRegex(".*, line 2: column label: the label is not among .*\n.*, line 4: the text is "
                                      "empty\n.*, line 5: 3 fields where 2 are needed"));
  std::string many = header;
  for (std::size_t i = 0; i < kMostRefused + 5; ++i) many += "no\t\n";
  const std::string told = refused(many, labelled());
  EXPECT_EQ(std::ranges::count(told, '\n'), kMostRefused);
  EXPECT_THAT(told, AllOf(HasSubstr("line 11: the text is empty\nreading ended there"), Not(HasSubstr("line 12"))));
}

TEST_F(TextTableTest, OptionsThatContradictEachOtherAreRefused) {
  const auto wrong = [&](const TextTableOptions& options) { return usage_error([&] { table("text\na\n", options); }); };
  const LabelRule rule = LabelRule::parse("a, b");
  EXPECT_EQ(wrong({.text_column = "text"}), "accepted");
  EXPECT_THAT(wrong({.text_column = "text", .label_column = "text2"}), HasSubstr("belong together"));
  EXPECT_THAT(wrong({.text_column = "text", .labels = rule}), HasSubstr("belong together"));
  EXPECT_THAT(wrong({.text_column = "text", .label_column = "text", .labels = rule}), HasSubstr("named twice"));
  EXPECT_THAT(wrong({.text_column = "text", .group_up_to = "_"}), HasSubstr("need a group column"));
  EXPECT_THAT(wrong({.text_column = "text", .max_per_group = 1}), HasSubstr("need a group column"));
  EXPECT_THAT(wrong({.text_column = "text",
                     .group_column = "id",
                     .max_per_group = 1,
                     .is_test = [](std::int64_t, std::string_view) { return false; }}),
              HasSubstr("is_test has no place"));
  for (const std::int64_t most : {0, -1})
    EXPECT_THAT(wrong({.text_column = "text", .group_column = "id", .max_per_group = most}),
                HasSubstr("a group column needs at least 1"));
  EXPECT_THAT(wrong({.text_column = "text", .max_records = 0}), HasSubstr("max_records: 0"));
  EXPECT_THAT(wrong({.text_column = ""}), HasSubstr("has no name"));
  EXPECT_THAT(wrong({.format = TextFormat::lines, .text_column = "text"}), HasSubstr("no columns"));
  EXPECT_THAT(wrong({.format = TextFormat::lines, .text_column = "", .group_column = "id", .max_per_group = 1}),
              HasSubstr("no columns"));
}

TEST_F(TextTableTest, GroupsAreTheDeclaredPartOfTheirColumn) {
  const std::string text = "id\ttext\nb_1\tx\na_1_9\ty\nb_2\tz\n";
  TextTable t = table(text, grouped(5));
  EXPECT_THAT(t.groups, ElementsAre(0, 1, 0));
  EXPECT_THAT(t.group_names, ElementsAre("b", "a"));
  EXPECT_EQ(t.report.dropped_beyond_bound, 0);
  TextTableOptions whole = grouped(5);
  whole.group_up_to = "";
  t = table(text, whole);
  EXPECT_THAT(t.groups, ElementsAre(0, 1, 2));
  EXPECT_THAT(t.group_names, ElementsAre("b_1", "a_1_9", "b_2"));
}

TEST_F(TextTableTest, AGroupKeepsAtMostItsShareWhateverTheOthersAre) {
  const std::vector<std::string> names = {"a", "b", "c"};
  const auto text_without = [&](const std::string& removed) {
    std::string text = "id\ttext\n";
    for (int i = 0; i < 30; ++i) {
      const std::string& name = names[static_cast<std::size_t>(i * i % 7 % 3)];
      // The groups share texts, and each repeats some of its own.
      if (name != removed) text += name + "_" + std::to_string(i) + "\ttext " + std::to_string(i % 11) + "\n";
    }
    return text;
  };
  const auto texts_of = [&](const TextTable& t, const std::string& name) {
    std::vector<std::string> result;
    for (std::size_t i = 0; i < t.texts.size(); ++i)
      if (t.group_names[static_cast<std::size_t>(t.groups[i])] == name) result.push_back(t.texts[i]);
    return result;
  };
  for (const bool drop_repeats : {false, true}) {
    TextTableOptions options = grouped(3);
    options.drop_repeats = drop_repeats;
    options.group_seed = 17;
    const TextTable all = table(text_without(""), options);
    EXPECT_EQ(all.count() + all.report.dropped_repeats + all.report.dropped_beyond_bound, 30);
    for (const std::string& removed : names) {
      const TextTable rest = table(text_without(removed), options);
      EXPECT_THAT(texts_of(rest, removed), IsEmpty());
      for (const std::string& name : names) {
        if (name != removed) {
          EXPECT_EQ(texts_of(rest, name), texts_of(all, name));
        }
        EXPECT_LE(texts_of(all, name).size(), 3);
      }
    }
  }
}

TEST_F(TextTableTest, RepeatsAreListedByTheirLines) {
  const std::string text = "label\ttext\nyes\ta\nno\tb\n\nyes\ta\nno\ta\nmaybe\tb\nno\tc\nno\tc\n";
  TextTable t = table(text, labelled());
  EXPECT_THAT(t.report.repeats, ElementsAre(ElementsAre(2, 5, 6), ElementsAre(8, 9)));
  EXPECT_EQ(t.report.dropped_repeats, 0);
  EXPECT_EQ(t.count(), 6);
}

TEST_F(TextTableTest, OnlyRepeatsWithTheSameLabelAndGroupAreLeftOut) {
  TextTableOptions options = labelled();
  options.drop_repeats = true;
  TextTable t = table("label\ttext\nyes\ta\nno\tb\nyes\ta\nno\ta\nno\ta\n", options);
  EXPECT_THAT(t.texts, ElementsAre("a", "b", "a"));
  EXPECT_THAT(t.labels, ElementsAre(1, 0, 0));
  EXPECT_THAT(t.numbers, ElementsAre(1, 2, 4));
  EXPECT_EQ(t.report.dropped_repeats, 2);
  EXPECT_THAT(t.report.repeats, ElementsAre(ElementsAre(2, 5)));  // still there, under two labels
  EXPECT_THAT(terminal_text(t.report), Not(HasSubstr("leave repeats out")));
  options = grouped(9);
  options.drop_repeats = true;
  t = table("id\ttext\nu_1\ta\nv_1\ta\nu_2\ta\n", options);
  EXPECT_THAT(t.groups, ElementsAre(0, 1));
  EXPECT_THAT(t.report.repeats, ElementsAre(ElementsAre(2, 3)));  // still there, in two groups
  EXPECT_THAT(terminal_text(t.report), HasSubstr("1 texts occur more than once in other groups"));
  EXPECT_THAT(terminal_text(t.report), Not(HasSubstr("Name a group column")));
}

// Whatever is removed of the records that are no tests: the tests stay, and at most one of the others goes.
TEST_F(TextTableTest, RepeatsOnBothSidesStayTestsWhateverTheOthersAre) {
  TextTableOptions options = labelled();
  options.drop_repeats = true;
  const std::vector<std::string> records = {"yes\ta", "no\tb", "yes\ta", "yes\tc", "yes\ta", "no\ta", "no\tb"};
  const std::set<std::size_t> tests = {2, 4, 6};
  const auto kept = [&](std::size_t removed) {
    std::string text = "label\ttext\n";
    std::vector<bool> is_test;
    for (std::size_t i = 0; i < records.size(); ++i) {
      if (i == removed) continue;
      text += records[i] + "\n";
      is_test.push_back(tests.contains(i));
    }
    options.is_test = [&](std::int64_t number, std::string_view) {
      return is_test.at(static_cast<std::size_t>(number) - 1);
    };
    const TextTable t = table(text, options);
    std::array<std::multiset<std::pair<std::string, double>>, 2> sides;
    for (std::size_t i = 0; i < t.texts.size(); ++i)
      sides[options.is_test(t.numbers[i], t.texts[i]) ? 1 : 0].emplace(t.texts[i], t.labels[i]);
    return sides;
  };
  const auto all = kept(records.size());
  EXPECT_THAT(all[1], ::testing::UnorderedElementsAre(std::pair("a", 1.0), std::pair("b", 0.0)));
  EXPECT_THAT(all[0], ::testing::UnorderedElementsAre(std::pair("a", 0.0), std::pair("c", 1.0)));
  for (std::size_t i = 0; i < records.size(); ++i) {
    if (tests.contains(i)) continue;
    const auto rest = kept(i);
    EXPECT_EQ(rest[1], all[1]) << i;
    EXPECT_TRUE(std::ranges::includes(all[0], rest[0])) << i;
    EXPECT_LE(all[0].size() - rest[0].size(), 1) << i;
  }
}

TEST_F(TextTableTest, RemovingOneRecordChangesAtMostOneOfThoseThatStay) {
  TextTableOptions options = labelled();
  options.drop_repeats = true;
  const std::vector<std::string> records = {"yes\ta", "no\ta", "yes\ta", "no\tb", "no\ta", "no\tb", "yes\tc"};
  const auto kept = [&](std::size_t removed) {
    std::string text = "label\ttext\n";
    for (std::size_t i = 0; i < records.size(); ++i)
      if (i != removed) text += records[i] + "\n";
    const TextTable t = table(text, options);
    std::multiset<std::pair<std::string, double>> result;
    for (std::size_t i = 0; i < t.texts.size(); ++i) result.emplace(t.texts[i], t.labels[i]);
    return result;
  };
  const auto all = kept(records.size());
  for (std::size_t i = 0; i < records.size(); ++i) {
    const auto rest = kept(i);
    EXPECT_TRUE(std::ranges::includes(all, rest));
    EXPECT_LE(all.size() - rest.size(), 1);
  }
}

TEST(RepeatedTextsTest, ListsEverySetOfEqualTexts) {
  const std::vector<std::string> texts = {"b", "a", "b", "", "a", "b", "c", "bb"};
  EXPECT_THAT(repeated_texts(texts), ElementsAre(ElementsAre(0, 2, 5), ElementsAre(1, 4)));
  EXPECT_THAT(repeated_texts({}), IsEmpty());
}

TEST(TextReportTest, TerminalTextCountsAndWarns) {
  TextReport report = {.path = "t.tsv", .records = 20, .repeats = {}};
  EXPECT_EQ(terminal_text(report), "t.tsv: 20 records read, 20 kept\n");
  report.dropped_by_rule = 3;
  report.dropped_repeats = 2;
  report.dropped_beyond_bound = 1;
  report.repeats = {{2, 5}, {3, 4, 6}, {7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18}};
  const std::string text = terminal_text(report, 2);
  EXPECT_THAT(text, HasSubstr("t.tsv: 20 records read, 14 kept\n  3 left out by the rule of labels\n"
                              "  2 left out as repeats of earlier records\n"
                              "  1 left out as more than a group may contribute\n"));
  EXPECT_THAT(text, HasSubstr("warning: 3 texts occur more than once, in 17 records. One person may own several"));
  EXPECT_THAT(text, HasSubstr("\n  lines 2, 5\n  lines 3, 4, 6\n  and 1 more texts\n"));
  EXPECT_THAT(terminal_text(report), HasSubstr("  lines 7, 8, 9, 10, 11, 12, 13, 14, 15, 16 and 2 more\n"));
}

}  // namespace
}  // namespace sotto::data

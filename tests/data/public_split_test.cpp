// Expected numbers come from the definitions in keyed_hash.h, public_split.h and group_bound.h, computed with Python's
// hashlib.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sotto/data/group_bound.h>
#include <sotto/data/keyed_hash.h>
#include <sotto/data/public_split.h>
#include <sotto/privacy/error.h>

#include <cmath>
#include <limits>
#include <set>

#include "../support/message.h"

namespace sotto::data {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::message_of;
using By = PublicSplit::By;

TEST(KeyedHashTest, IsTheStatedPartOfSha256) {
  EXPECT_EQ(keyed_hash(0, "", ""), 0x89d6662ffd77703eU);
  EXPECT_EQ(keyed_hash(1, "split record", "1"), 0xacc66100d881659U);
  EXPECT_EQ(keyed_hash(~0ULL, "group bound", std::string_view("a\0003", 3)), 0x9f391a84a13c16b5U);
}

TEST(PublicSplitTest, SidesAreAsDefined) {
  const PublicSplit records(0.2, 7, By::number), others(0.3, 7, By::text);
  std::vector<std::int64_t> numbers;
  for (std::int64_t n = 1; n <= 40; ++n)
    if (records.tests_record(n, "any")) numbers.push_back(n);
  EXPECT_THAT(numbers, ElementsAre(8, 11, 19, 20, 26, 33, 36));
  std::string names, texts;
  for (char name = 'a'; name <= 'p'; ++name) {
    if (others.tests_group(std::string(1, name))) names += name;
    if (others.tests_record(name, std::string(1, name))) texts += name;
  }
  EXPECT_EQ(names, "acgkn");
  EXPECT_EQ(texts, "bfho");  // by SHA-256 in another program
}

TEST(PublicSplitTest, TheShareIsCloseToTheFraction) {
  constexpr int kRecords = 20000;
  for (const double fraction : {0.01, 0.2, 0.5, 0.9}) {
    int tested = 0;
    for (int n = 1; n <= kRecords; ++n) tested += PublicSplit(fraction, 3, By::text).tests_record(1, std::to_string(n));
    // 5 standard deviations: wrong for one seed in a million.
    EXPECT_NEAR(tested, kRecords * fraction, 5 * std::sqrt(kRecords * fraction * (1 - fraction)));
  }
}

// One record less moves the lines of others, and none to the other side.
TEST(PublicSplitTest, TheSideOfATextDoesNotDependOnOthers) {
  const PublicSplit split(0.3, 7, By::text);
  TextTable table;
  for (int i = 0; i < 200; ++i) {
    table.texts.push_back("text " + std::to_string(i % 150));
    table.numbers.push_back(i + 1);
  }
  const auto tested = [&split](const TextTable& of) {
    std::multiset<std::string> result;
    for (const std::size_t i : split.sides(of).test) result.insert(of.texts[i]);
    return result;
  };
  const auto all = tested(table);
  EXPECT_GT(all.size(), 20U);
  table.texts.erase(table.texts.begin() + static_cast<std::ptrdiff_t>(split.sides(table).train.front()));
  table.numbers.pop_back();
  EXPECT_EQ(tested(table), all);
}

TEST(PublicSplitTest, AGroupIsOnOneSideWhateverElseThereIs) {
  const PublicSplit split(0.3, 7, By::text), numbers(0.2, 7, By::number);
  TextTable table;
  table.texts = {"1", "2", "3", "4", "5"};
  table.numbers = {8, 9, 11, 19, 20};
  EXPECT_THAT(numbers.sides(table).test, ElementsAre(0, 2, 3, 4));
  EXPECT_THAT(numbers.sides(table).train, ElementsAre(1));
  table.groups = {1, 0, 1, 2, 0};
  table.group_names = {"b", "c", "n"};
  EXPECT_THAT(split.sides(table).train, ElementsAre(1, 4));
  EXPECT_THAT(split.sides(table).test, ElementsAre(0, 2, 3));
}

TEST(PublicSplitTest, FractionsThatLeaveASideEmptyAreRefused) {
  for (const double fraction : {0.0, 1.0, -0.1, 1.1, std::nan(""), std::numeric_limits<double>::infinity()})
    EXPECT_THAT(message_of<UsageError>([&] { PublicSplit(fraction, 1, By::text); }),
                HasSubstr("must be above 0 and below 1"));
}

TEST(GroupBoundTest, TheStatedRecordsStay) {
  const std::vector<std::string> names = {"ann", "bob", "cid"};
  const std::vector<std::int64_t> groups = {0, 1, 0, 2, 1, 0, 0, 1, 0, 2, 1, 0};
  const auto kept = [&](std::int64_t most, std::uint64_t seed) {
    std::string text;
    for (const bool stays : bounded_groups(groups, names, most, seed)) text += stays ? '1' : '0';
    return text;
  };
  // ann 0 and 1, bob 1 and 3, cid both; with seed 6 ann 3 and 4
  EXPECT_EQ(kept(2, 5), "101110000110");
  EXPECT_EQ(kept(2, 6).at(6), '1');
  EXPECT_EQ(kept(2, 6).at(8), '1');
  EXPECT_EQ(kept(6, 5), std::string(12, '1'));
}

TEST(GroupBoundTest, WhatStaysOfAGroupDependsOnNoOtherGroup) {
  const std::vector<std::string> names = {"a", "b", "c"};
  std::vector<std::int64_t> groups;
  for (int i = 0; i < 60; ++i) groups.push_back(i * i % 7 % 3);
  const std::vector<bool> all = bounded_groups(groups, names, 4, 11);
  for (std::int64_t removed = 0; removed < 3; ++removed) {
    std::vector<std::int64_t> rest;
    std::vector<bool> expected;
    for (std::size_t i = 0; i < groups.size(); ++i) {
      if (groups[i] == removed) continue;
      rest.push_back(groups[i]);
      expected.push_back(all[i]);
    }
    EXPECT_EQ(bounded_groups(rest, names, 4, 11), expected);
    EXPECT_EQ(std::ranges::count(expected, true), 8);
  }
}

TEST(GroupBoundTest, WrongArgumentsAreRefused) {
  const std::vector<std::string> names = {"a"};
  EXPECT_THAT(message_of<UsageError>([&] { bounded_groups(std::vector<std::int64_t>{0}, names, 0, 1); }),
              HasSubstr("most: 0; must be at least 1"));
  for (const std::int64_t group : {-1, 1})
    EXPECT_THAT(message_of<UsageError>([&] { bounded_groups(std::vector<std::int64_t>{group}, names, 1, 1); }),
                HasSubstr("a group has no name"));
}

}  // namespace
}  // namespace sotto::data

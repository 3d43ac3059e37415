// Facts about published collections of texts, counted with other programs when the files were chosen. Skipped where
// tools/fetch_data.sh has not fetched them.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sotto/data/dataset.h>
#include <sotto/data/public_split.h>
#include <sotto/data/text_preset.h>
#include <sotto/data/text_table.h>

#include <algorithm>
#include <map>
#include <ranges>

namespace sotto::data {
namespace {

constexpr const char* kMovies = "reviews/movieReviewSnippets_GroundTruth.txt";
constexpr const char* kProducts = "reviews/amazonReviewSnippets_GroundTruth.txt";
constexpr const char* kArticles = "reviews/nytEditorialSnippets_GroundTruth.txt";
constexpr const char* kMessages = "sms/SMSSpamCollection.tsv";

class PublishedTextsTest : public ::testing::Test {
 protected:
  // False where the file is not there.
  bool find(const std::string& name) {
    std::vector<std::filesystem::path> folders = data_folders();
    folders.emplace_back(SOTTO_DATA_CACHE);
    for (const auto& folder : folders) {
      path_ = folder / name;
      if (std::filesystem::exists(path_)) return true;
    }
    return false;
  }
  TextTable read(const TextTableOptions& options) const { return read_text_table(path_, options); }
  std::filesystem::path path_;
};

#define FIND_OR_SKIP(name) \
  if (!find(name)) GTEST_SKIP() << name << " is not there; tools/fetch_data.sh reviews sms fetches it"

TextTableOptions rated() {
  return {.text_column = "text",
          .label_column = "sentiment",
          .labels = LabelRule::parse("<0 -> 0, >0 -> 1, drop 0"),
          .drop_repeats = true};
}

TextTableOptions rated_groups(std::int64_t most) {
  TextTableOptions options = rated();
  options.group_column = "id";
  options.group_up_to = "_";
  options.max_per_group = most;
  options.drop_repeats = false;
  return options;
}

std::map<std::int64_t, std::int64_t> group_sizes(const TextTable& table) {
  std::map<std::int64_t, std::int64_t> sizes;
  for (const std::int64_t group : table.groups) ++sizes[group];
  return sizes;
}

TEST_F(PublishedTextsTest, MovieReviewsAreThoseThatWerePublished) {
  FIND_OR_SKIP(kMovies);
  const TextTable table = read(rated());
  EXPECT_EQ(table.count(), 10566);
  EXPECT_EQ(std::ranges::count(table.labels, 1), 5241);
  EXPECT_EQ(std::ranges::count(table.labels, 0), 5325);
  EXPECT_EQ(table.report.records, 10605);
  EXPECT_EQ(table.report.dropped_by_rule, 37);
  EXPECT_EQ(table.report.dropped_repeats, 2);
  EXPECT_THAT(table.report.repeats, ::testing::IsEmpty());
  TextTableOptions whole = rated();
  whole.drop_repeats = false;
  // Record n, whose id is n, is on line n + 1.
  EXPECT_THAT(read(whole).report.repeats,
              ::testing::ElementsAre(::testing::ElementsAre(10325, 10342), ::testing::ElementsAre(10506, 10560)));

  const PublicSplit::Sides sides = PublicSplit(0.2, 1, PublicSplit::By::number).sides(table);
  EXPECT_EQ(sides.train.size() + sides.test.size(), 10566U);
  EXPECT_NEAR(static_cast<double>(sides.test.size()), 2113.2, 5 * 41.1);  // 5 standard deviations
}

TEST_F(PublishedTextsTest, RatingsOfMovieReviewsLieInTheirRange) {
  FIND_OR_SKIP(kMovies);
  TextTableOptions options = rated();
  options.labels = LabelRule::parse("range -4 4");
  options.drop_repeats = false;
  const TextTable table = read(options);
  EXPECT_EQ(table.count(), 10605);
  EXPECT_NEAR(std::ranges::min(table.labels), -3.875, 5e-4);
  EXPECT_NEAR(std::ranges::max(table.labels), 3.941, 5e-4);
  EXPECT_EQ(std::ranges::count_if(table.labels, [](double x) { return x > -0.5 && x < 0.5; }), 533);
}

TEST_F(PublishedTextsTest, MessagesAreThoseThatWerePublished) {
  FIND_OR_SKIP(kMessages);
  TextTableOptions options = {
      .header = false, .text_column = "2", .label_column = "1", .labels = LabelRule::parse("ham, spam")};
  TextTable table = read(options);
  EXPECT_EQ(table.count(), 5574);
  EXPECT_EQ(std::ranges::count(table.labels, 1), 747);
  EXPECT_EQ(table.report.repeats.size(), 281U);
  std::size_t most = 0;
  for (const auto& lines : table.report.repeats) most = std::max(most, lines.size());
  EXPECT_EQ(most, 30U);
  EXPECT_EQ(std::ranges::count_if(table.texts, [](const std::string& text) { return text[0] == '"'; }), 54);

  options.drop_repeats = true;
  table = read(options);
  EXPECT_EQ(table.count(), 5171);
  EXPECT_EQ(std::ranges::count(table.labels, 0), 4518);
  EXPECT_EQ(std::ranges::count(table.labels, 1), 653);
}

TEST_F(PublishedTextsTest, ProductReviewsAreGroupsOfSentences) {
  FIND_OR_SKIP(kProducts);
  TextTableOptions options = rated_groups(1000);
  options.labels = LabelRule::parse("range -4 4");
  const TextTable whole = read(options);
  EXPECT_EQ(whole.count(), 3708);
  const auto sizes = group_sizes(whole);
  EXPECT_EQ(sizes.size(), 300U);
  const auto [least, most] = std::ranges::minmax(sizes | std::views::values);
  EXPECT_EQ(least, 1);
  EXPECT_EQ(most, 70);
  std::int64_t repeats = 0;
  for (const auto& lines : whole.report.repeats) repeats += static_cast<std::int64_t>(lines.size()) - 1;
  EXPECT_EQ(3708 - repeats, 3697);

  const TextTable classes = read(rated_groups(1000));
  EXPECT_EQ(std::ranges::count(classes.labels, 1), 2128);
  EXPECT_EQ(std::ranges::count(classes.labels, 0), 1482);
  EXPECT_EQ(classes.report.dropped_by_rule, 98);

  const TextTable bounded = read(rated_groups(8));
  std::int64_t expected = 0;
  for (const auto& [group, size] : group_sizes(classes)) expected += std::min<std::int64_t>(size, 8);
  EXPECT_EQ(bounded.count(), expected);
  EXPECT_EQ(std::ranges::max(group_sizes(bounded) | std::views::values), 8);
  EXPECT_EQ(bounded.group_names, classes.group_names);
}

TEST_F(PublishedTextsTest, ArticlesAreGroupsOfSentences) {
  FIND_OR_SKIP(kArticles);
  TextTableOptions options = rated_groups(1000);
  options.labels = LabelRule::parse("range -4 4");
  const TextTable table = read(options);
  EXPECT_EQ(table.count(), 5190);
  const auto sizes = group_sizes(table);
  EXPECT_EQ(sizes.size(), 498U);
  const auto [least, most] = std::ranges::minmax(sizes | std::views::values);
  EXPECT_EQ(least, 3);
  EXPECT_EQ(most, 23);
}

// The declared size of a preset's training side; that of SHA-256 in another program for the same seed and fraction.
TEST_F(PublishedTextsTest, PresetsHaveTheTrainingRecordsThatTheyDeclare) {
  for (const TextPreset& preset : text_presets()) {
    FIND_OR_SKIP(preset.folder + "/" + preset.file);
    const PublicSplit split(preset.test_fraction, preset.split_seed, PublicSplit::By::number);
    const TextTable table =
        read({.format = preset.format,
              .header = preset.header,
              .text_column = preset.text_column,
              .label_column = preset.label_column,
              .labels = LabelRule::parse(preset.labels),
              .drop_repeats = preset.drop_repeats,
              .is_test = [&](std::int64_t number, std::string_view text) { return split.tests_record(number, text); }});
    const auto sides = split.sides(table);
    EXPECT_EQ(static_cast<std::int64_t>(sides.train.size()), preset.train_size) << preset.name;
  }
}

}  // namespace
}  // namespace sotto::data

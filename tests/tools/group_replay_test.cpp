// Group-level privacy, replayed with the real program: the same run, with the same coins and the same noise, on texts
// with one whole group and without it. What the released sum lacks is at most the clip norm, however many texts the
// group has. Steps are those of sgd with the rate at which the batch is divided away, so that weights that differ show
// sums that differ.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sotto/data/group_bound.h>
#include <sotto/models/safetensors.h>
#include <sotto/privacy/certificate.h>
#include <sotto/privacy/ledger_contents.h>
#include <sotto/privacy/poisson_sampler.h>

#include <array>
#include <cmath>
#include <cstdlib>
#include <map>
#include <random>

#include "../support/small_bert.h"
#include "program.h"
#include "run_weights.h"

namespace sotto::tools {
namespace {

using testing::content, testing::Outcome, testing::run, testing::run_weights, testing::Words, testing::with_flags;
using ::testing::HasSubstr;

constexpr double kClipNorm = 0.05;
constexpr double kRounding = 1e-4;  // of weights of size 1 in float, as a share of the clip norm
constexpr int kMostTexts = 4;
constexpr int kOthers = 10;   // groups that are there in any case
constexpr int kExpected = 5;  // groups of a batch

double distance(const std::vector<float>& a, const std::vector<float>& b) {
  EXPECT_EQ(a.size(), b.size());
  double square = 0;
  for (size_t i = 0; i < std::min(a.size(), b.size()); ++i)
    square += std::pow(static_cast<double>(a[i]) - static_cast<double>(b[i]), 2);
  return std::sqrt(square);
}

// A seed with which the group behind the others misses the first step, is in the second, and leaves the coins of the
// others as they are without it: until the second step everything is the same, and then no factor of low rank is zero
// any more.
std::string seed_of_the_second_step() {
  constexpr double kRate = static_cast<double>(kExpected) / (kOthers + 1);
  for (std::uint64_t seed = 1; seed < 1000; ++seed) {
    const auto samples = [&](std::int64_t groups) {
      privacy::PoissonSampler sampler(kRate, privacy::SecretKey::insecure_for_tests(seed).derive("sampler"));
      return std::array{sampler.sample(groups), sampler.sample(groups)};
    };
    auto expected = samples(kOthers);
    expected[1].push_back(kOthers);
    if (samples(kOthers + 1) == expected) return std::to_string(seed);
  }
  ADD_FAILURE() << "no such seed";
  return "1";
}

class GroupReplay : public ::testing::Test {
 protected:
  void SetUp() override {
    std::filesystem::create_directories(path("model"));
    sotto::testing::write_small_bert(path("model"));
  }

  std::string path(const std::string& name) const { return (folder_.path() / name).string(); }
  std::string write(const std::string& name, const std::string& text) const {
    return folder_.write(name, sotto::testing::Bytes(text.begin(), text.end())).string();
  }

  // The text at this place of a group, a line. Those of one group agree in what they say, so that gradients add up.
  static std::string line(const std::string& group, int place) {
    constexpr auto& words = sotto::testing::kSmallBertWords;
    std::mt19937 random(static_cast<unsigned>(std::hash<std::string>{}(group) + static_cast<size_t>(place)));
    const bool good = group.size() % 2 == 0;
    std::string text;
    for (unsigned w = 0; w < 4 + random() % 8; ++w) text += std::string(words[random() % 3 + (good ? 0 : 3)]) + " ";
    return group + "\t" + text + "film\t" + (good ? "yes" : "no") + "\n";
  }
  static std::string group(const std::string& name, int texts) {
    std::string result;
    for (int place = 0; place < texts; ++place) result += line(name, place);
    return result;
  }
  // The others, some with more texts than are used, and behind them `more`, so that the coins of the others stay.
  static std::string others(const std::string& more) {
    std::string result = "author\ttext\tlabel\n";
    for (int g = 0; g < kOthers; ++g) result += group(std::string(static_cast<size_t>(g) + 1, 'a'), 1 + g % 6);
    return result + more;
  }

  Words words(const std::string& output, const std::string& data, const Words& more) const {
    const Words all{"train",          "text",
                    "--data",         data,
                    "--text-column",  "text",
                    "--label-column", "label",
                    "--labels",       "no, yes",
                    "--model",        path("model"),
                    "--max-tokens",   "32",
                    "--optimizer",    "sgd",
                    "--momentum",     "0",
                    "--lr-schedule",  "constant",
                    "--pooling",      "mean",
                    "--delta",        "1e-3",
                    "--clip-norm",    std::to_string(kClipNorm),
                    "--threads",      "1",
                    "--output",       path(output)};
    return with_flags(with_flags(all, {"--noise-multiplier", "1", "--insecure-test-seed", "1"}), more);
  }
  // The weights after a run whose steps subtract the noisy sum itself: lr and expected batch are the same number.
  std::vector<float> weights(const std::string& data, int batch, int dataset_size, const Words& more) {
    const std::string output = "run" + std::to_string(runs_++);
    last_ = path(output);
    const std::string count = std::to_string(batch);
    const Outcome outcome = run(with_flags(
        words(output, data, more), {"--batch", count, "--lr", count, "--dataset-size", std::to_string(dataset_size)}));
    EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
    return run_weights(last_);
  }
  // Groups are sampled by their coins.
  std::vector<float> of_groups(const std::string& data, const Words& more) {
    return weights(data, kExpected, kOthers + 1,
                   with_flags({"--group-column", "author", "--max-per-group", std::to_string(kMostTexts)}, more));
  }

  sotto::testing::ScratchFolder folder_;
  std::string last_;  // the folder of the latest run
  int runs_ = 0;
};

TEST_F(GroupReplay, WithoutAWholeGroupTheReleasedSumLacksAtMostTheClipNorm) {
  const std::string without = write("without.tsv", others("")), small = write("small.tsv", others(group("other", 2))),
                    large = write("large.tsv", others(group("other", 100)));
  const std::string seed = seed_of_the_second_step();
  for (const char* adapt : {"head", "lora"}) {
    for (const char* rule : {"flat", "psac", "auto-s", "nsgd"}) {
      const Words flags = {"--adapt", adapt, "--rule", rule, "--steps", "2", "--insecure-test-seed", seed};
      const std::vector<float> base = of_groups(without, flags);
      for (const std::string& with : {small, large}) {
        const double change = distance(of_groups(with, flags), base);
        EXPECT_LE(change, kClipNorm * (1 + kRounding)) << adapt << ' ' << rule << ' ' << with;
        EXPECT_GT(change, kClipNorm / 2) << adapt << ' ' << rule << ' ' << with << ": the replay shows nothing";

        const privacy::LedgerContents ledger = privacy::read_ledger(last_ + "/ledger.jsonl");
        EXPECT_TRUE(ledger.header.unit_is_group);
        EXPECT_EQ(ledger.releases.back().sensitivity, kClipNorm);
        EXPECT_EQ(ledger.spent.at(0).count, 2);
        const auto certificate = privacy::parse_certificate(content(last_ + "/certificate.json"));
        EXPECT_EQ(certificate.weight_rule_bound, kClipNorm) << rule;
        EXPECT_THAT(content(last_ + "/certificate.json"), HasSubstr("\"unit\": \"group\""));
      }
    }
  }
}

// Were each text of the group clipped on its own, the sum would lack as often the clip norm as texts are used: the test
// above would notice. This is the run on the same texts in which they are the unit.
TEST_F(GroupReplay, TextByTextTheSameGroupWouldExceedTheClipNorm) {
  const std::string without = write("without.tsv", others("")),
                    with = write("with.tsv", others(group("other", kMostTexts)));
  const auto all_in = [&](const std::string& data, int count, const Words& more) {
    return weights(data, count, count, with_flags({"--adapt", "head", "--rule", "flat", "--steps", "1"}, more));
  };
  const Words grouped = {"--group-column", "author", "--max-per-group", std::to_string(kMostTexts)};
  EXPECT_LE(distance(all_in(with, kOthers + 1, grouped), all_in(without, kOthers + 1, grouped)),
            kClipNorm * (1 + kRounding));
  const double of_texts = distance(all_in(with, 35, {}), all_in(without, 35, {}));
  EXPECT_GT(of_texts, 0.75 * kMostTexts * kClipNorm);
  EXPECT_FALSE(privacy::read_ledger(last_ + "/ledger.jsonl").header.unit_is_group);
}

TEST_F(GroupReplay, AGroupOfAHundredTextsIsTheOneOfThoseThatStay) {
  constexpr int kTexts = 100;
  constexpr std::uint64_t kDefaultSeed = 1;
  const std::vector<std::int64_t> groups(kTexts, 0);
  const std::vector<std::string> names = {"other"};
  const std::vector<bool> stays = data::bounded_groups(groups, names, kMostTexts, kDefaultSeed);
  std::string kept, dropped;
  for (int place = 0; place < kTexts; ++place)
    (stays[static_cast<size_t>(place)] ? kept : dropped) += line("other", place);
  const std::string whole = write("whole.tsv", others(group("other", kTexts))), few = write("few.tsv", others(kept)),
                    rest = write("rest.tsv", others(dropped));
  for (const char* adapt : {"head", "lora"}) {
    const auto after = [&](const std::string& data) {
      return weights(data, kOthers + 1, kOthers + 1,
                     {"--group-column", "author", "--max-per-group", std::to_string(kMostTexts), "--adapt", adapt,
                      "--rule", "flat", "--steps", "1"});
    };
    const std::vector<float> of_all = after(whole);
    EXPECT_EQ(of_all, after(few)) << adapt;
    EXPECT_NE(of_all, after(rest)) << adapt << ": the test shows nothing";
  }
}

// Reviews as groups of their sentences, with the published encoder, where both are there.
class ReviewReplay : public GroupReplay {
 protected:
  static constexpr int kReviews = 8;
  static constexpr int kMostSentences = 5;

  // Reviews 1 to kReviews, each with its lines.
  static std::map<int, std::string> reviews(const std::string& file) {
    std::map<int, std::string> result;
    std::istringstream lines(content(file));
    std::string line;
    std::getline(lines, line);
    while (std::getline(lines, line))
      if (const int review = std::atoi(line.c_str()); review <= kReviews) result[review] += line + "\n";
    return result;
  }
};

TEST_F(ReviewReplay, WithoutAReviewTheReleasedSumLacksAtMostTheClipNorm) {
  const char* chosen = std::getenv("SOTTO_DATA");
  const std::filesystem::path data = chosen != nullptr ? chosen : SOTTO_DATA_CACHE,
                              file = data / "reviews" / "amazonReviewSnippets_GroundTruth.txt",
                              model = data / "minilm" / "model.safetensors";
  if (!std::filesystem::exists(file) || !std::filesystem::exists(model))
    GTEST_SKIP() << "no reviews or no minilm in SOTTO_DATA; tools/fetch_data.sh reviews minilm fetches them";
  const std::map<int, std::string> all = reviews(file.string());
  ASSERT_EQ(all.size(), static_cast<size_t>(kReviews));
  const auto written = [&](int left_out) {
    std::string text = "id\tsentiment\ttext\r\n";
    for (const auto& [review, lines] : all)
      if (review != left_out) text += lines;
    return write("reviews" + std::to_string(left_out) + ".tsv", text);
  };
  const auto sentences = [](const std::string& lines) { return std::ranges::count(lines, '\n'); };
  const int longest =
      std::ranges::max_element(all, {}, [&](const auto& review) { return sentences(review.second); })->first;
  ASSERT_GT(sentences(all.at(longest)), kMostSentences);

  for (const char* adapt : {"head", "lora"}) {
    const auto after = [&](int left_out) {
      const std::string texts = written(left_out), most = std::to_string(kMostSentences);
      return weights(texts, kReviews, kReviews,
                     {"--physical-batch", "8",         "--model",       model.parent_path().string(),
                      "--label-column",   "sentiment", "--labels",      "<0 -> 0, >0 -> 1, drop 0",
                      "--group-column",   "id",        "--group-up-to", "_",
                      "--max-per-group",  most,        "--pooling",     "layers",
                      "--max-tokens",     "64",        "--adapt",       adapt,
                      "--rule",           "flat",      "--steps",       "1"});
    };
    const std::vector<float> with_all = after(0);
    for (const int left_out : {longest, longest == kReviews ? 1 : kReviews}) {
      const double change = distance(with_all, after(left_out));
      EXPECT_LE(change, kClipNorm * (1 + 10 * kRounding)) << adapt << ", review " << left_out;
      EXPECT_GT(change, kClipNorm / 2) << adapt << ", review " << left_out << ": the replay shows nothing";
    }
    EXPECT_TRUE(privacy::read_ledger(last_ + "/ledger.jsonl").header.unit_is_group);
  }
}

}  // namespace
}  // namespace sotto::tools

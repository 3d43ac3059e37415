// Damaged pictures, tables and texts are refused or read, never crash, and never take memory that the declared sizes
// and the length of the file do not justify.

#include <gtest/gtest.h>
#include <sotto/data/csv_table.h>
#include <sotto/data/picture.h>
#include <sotto/data/text_table.h>
#include <sotto/data/utf8.h>
#include <sotto/privacy/error.h>

#include <functional>
#include <random>

#include "../support/fuzz_bytes.h"
#include "fuzz/picture_input.h"
#include "fuzz/table_input.h"
#include "fuzz/text_input.h"
#include "largest_request.h"
#include "picture_files.h"

namespace sotto::data {
namespace {

using testing::Bytes;

constexpr std::size_t kReaderOverhead = 1 << 20;

void damage(const Bytes& whole, int rounds, const std::function<void(const std::filesystem::path&)>& read) {
  const testing::ScratchFolder folder(testing::ScratchFolder::memory());
  std::mt19937 random(20240608);
  for (int i = 0; i < rounds; ++i) {
    Bytes bytes = whole;
    const std::size_t span = i % 2 == 0 ? std::min<std::size_t>(bytes.size(), 64) : bytes.size();
    const int flips = 1 + static_cast<int>(random() % 3);
    for (int k = 0; k < flips; ++k) bytes[random() % span] ^= static_cast<std::uint8_t>(1U << (random() % 8));
    if (i % 7 == 0) bytes.resize(random() % bytes.size());
    const auto path = folder.write("damaged", bytes);
    testing::take_largest_request();
    try {
      read(path);
    } catch (const DataError&) {
    }
    EXPECT_LE(testing::take_largest_request(), bytes.size() * 1032 + kReaderOverhead);
  }
}

const PictureShape kShape = {.height = 24, .width = 20};

void read_into_place(const std::filesystem::path& path) {
  Bytes to(24 * 20 * 3);
  read_picture(path, kShape, to);
}

TEST(ReaderFuzzTest, DamagedPngNeverCrashes) {
  damage(testing::png_file(24, 20, PNG_FORMAT_RGB, testing::ramp(24 * 20 * 3)), 3000, read_into_place);
}

TEST(ReaderFuzzTest, DamagedJpegNeverCrashes) {
  damage(testing::jpeg_file(24, 20, 3, testing::ramp(24 * 20 * 3)), 3000, read_into_place);
}

TEST(ReaderFuzzTest, DamagedTablesAndSchemasNeverCrash) {
  const std::string schema = "@missing ?\na: number 0 9\nb: category x, y\nc: label no, yes\n";
  const std::string rows = "1,x,no\n\"2\",y,yes\n?,\"x\",no\n";
  const testing::ScratchFolder folder;
  const auto good = folder.write("good.schema", Bytes(schema.begin(), schema.end()));
  const TableSchema declared = read_table_schema(good);
  damage(Bytes(rows.begin(), rows.end()), 3000, [&](const auto& path) {
    const Table table = read_csv_table(path, declared);
    EXPECT_EQ(table.values.size(), static_cast<std::size_t>(table.count * table.features));
    EXPECT_EQ(table.labels.size(), static_cast<std::size_t>(table.count));
  });
  damage(Bytes(schema.begin(), schema.end()), 3000, [](const auto& path) { read_table_schema(path); });
}

class TextFuzzTest : public ::testing::TestWithParam<std::pair<TextFormat, const char*>> {};

TEST_P(TextFuzzTest, DamagedTextsNeverCrash) {
  const auto& [format, text] = GetParam();
  TextTableOptions options = {.format = format, .text_column = ""};
  if (format != TextFormat::lines)
    options = {.format = format,
               .text_column = "t",
               .label_column = "l",
               .labels = LabelRule::parse("<0 -> 0, >0 -> 1, drop 0"),
               .group_column = "g",
               .group_up_to = "_",
               .max_per_group = 1,
               .drop_repeats = true};
  const std::string whole = text;
  damage(Bytes(whole.begin(), whole.end()), 3000, [&options](const auto& path) {
    const TextTable table = read_text_table(path, options);
    const std::size_t count = table.texts.size();
    EXPECT_GT(count, 0U);
    EXPECT_EQ(table.numbers.size(), count);
    EXPECT_EQ(table.labels.size(), options.labels ? count : 0);
    EXPECT_EQ(table.groups.size(), options.labels ? count : 0);
    EXPECT_EQ(table.group_names.size(), options.labels ? count : 0);  // one record each
    for (const std::string& kept : table.texts) EXPECT_FALSE(kept.empty() || first_invalid_utf8(kept));
    EXPECT_FALSE(terminal_text(table.report).empty());
  });
}

INSTANTIATE_TEST_SUITE_P(
    Formats, TextFuzzTest,
    ::testing::Values(
        std::pair{TextFormat::tsv, "t\tl\tg\none\t-1\ta_1\n\"two\t2.5\tb_1\none\t-1\ta_2\n\xc3\xa9\t0\tc_\n"},
        std::pair{TextFormat::csv, "t,l,g\n\"o,\"\"n\ne\",-1,a_1\ntwo,\"2.5\",b_1\r\n\xc3\xa9,1,a_2\n"},
        std::pair{TextFormat::semicolons, "t;l;g\n\"o;\"\"n\ne\";-1;a_1\ntwo;\"2.5\";b_1\r\n\xc3\xa9;1;a_2\n"},
        std::pair{TextFormat::jsonl,
                  "{\"t\": \"\\u00e9\", \"l\": -1, \"g\": \"a_1\"}\n"
                  "{\"g\": \"b_1\", \"l\": \"2.5\", \"t\": \"two\", \"o\": [{\"t\": null}]}\n"},
        std::pair{TextFormat::lines, "one\n\xe2\x82\xac two\r\none\n"}));

TEST(ReaderFuzzTest, DamagedRulesOfLabelsNeverCrash) {
  std::mt19937 random(20240609);
  const std::string parts[] = {"<", "<=", ">", ">=", "0", "-1.5", "1e300", " ", ",", "->", "drop ", "range ", "a"};
  for (int i = 0; i < 20000; ++i) {
    std::string rule;
    for (auto n = random() % 16; n > 0; --n) rule += parts[random() % std::size(parts)];
    try {
      const LabelRule read = LabelRule::parse(rule);
      for (const char* field : {"0", "-1.5", "1e300", "a", ""}) {
        const LabelRule::Verdict verdict = read.judge(field);
        EXPECT_EQ(verdict.kind == LabelRule::Verdict::Kind::refused, !verdict.reason.empty());
        if (verdict.kind != LabelRule::Verdict::Kind::labelled || read.is_range()) continue;
        EXPECT_LT(verdict.label, static_cast<double>(read.class_names().size()));
      }
    } catch (const UsageError&) {
    }
  }
}

struct Corpus {
  const char* name;
  std::size_t files;
  void (*take)(std::span<const std::uint8_t> bytes);
};

// The corpora of the libFuzzer targets, and their files with a few bits changed. The targets go further, see
// tools/fuzz.sh.
class CorpusTest : public ::testing::TestWithParam<Corpus> {};

TEST_P(CorpusTest, IsReadOrRefusedAndWhatIsReadKeepsItsPromises) {
  const Corpus& corpus = GetParam();
  const auto files = sotto::testing::fuzz_corpus(std::filesystem::path(SOTTO_FUZZ_CORPUS) / corpus.name);
  EXPECT_GE(files.size(), corpus.files);
  std::mt19937 random(20261128);
  for (const auto& [name, whole] : files) {
    corpus.take(whole);
    for (int i = 0; i < 400; ++i) corpus.take(sotto::testing::damaged(whole, random));
  }
}

INSTANTIATE_TEST_SUITE_P(Readers, CorpusTest,
                         ::testing::Values(Corpus{"picture", 20, testing::take_picture_input},
                                           Corpus{"table", 8, testing::take_table_input},
                                           Corpus{"text", 11, testing::take_text_input}),
                         [](const auto& instance) { return instance.param.name; });

}  // namespace
}  // namespace sotto::data

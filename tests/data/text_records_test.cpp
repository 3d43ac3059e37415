#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sotto/data/delimited_fields.h>
#include <sotto/data/text_lines.h>
#include <sotto/data/text_records.h>

#include "idx_bytes.h"
#include "text_files.h"

namespace sotto::data {
namespace {

using ::testing::AllOf;
using ::testing::AnyOf;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using Rows = std::vector<std::vector<std::string>>;

class TextRecordsTest : public testing::TextFileTest {
 protected:
  // The wanted fields of every record, with the line of the record as one more.
  static Rows rows_of(const std::filesystem::path& path, const TextLayout& layout) {
    TextRecords records(path, layout);
    Rows result;
    while (auto fields = records.next()) {
      fields->push_back(std::to_string(records.line()));
      result.push_back(std::move(*fields));
    }
    return result;
  }
  Rows rows(const std::string& text, const TextLayout& layout) { return rows_of(file(text), layout); }
  std::string refused(const std::string& text, const TextLayout& layout) {
    return data_error([&] { rows(text, layout); });
  }
};

const TextLayout kTsv = {.format = TextFormat::tsv, .header = true, .columns = {"text", "label"}};
const TextLayout kTsvByNumber = {.format = TextFormat::tsv, .header = false, .columns = {"2", "1"}};
const TextLayout kCsv = {.format = TextFormat::csv, .header = true, .columns = {"text", "label"}};
const TextLayout kCsvByNumber = {.format = TextFormat::csv, .header = false, .columns = {"1"}};
const TextLayout kJson = {.format = TextFormat::jsonl, .header = true, .columns = {"text", "label"}};
const TextLayout kLines = {.format = TextFormat::lines, .header = true, .columns = {}};

TEST_F(TextRecordsTest, TabSeparatedFieldsAreTakenAsTheyAre) {
  EXPECT_EQ(rows("label\tid\ttext\r\nx\t1\t\"a, b\"\" \r\n\ny\t2\t \"\nz\t\t\xc3\xa9\rq", kTsv),
            (Rows{{"\"a, b\"\" ", "x", "2"}, {" \"", "y", "4"}, {"\xc3\xa9\rq", "z", "5"}}));
  EXPECT_EQ(rows("ham\t\"hi\nspam\twin\n", kTsvByNumber), (Rows{{"\"hi", "ham", "1"}, {"win", "spam", "2"}}));
  EXPECT_THAT(rows("label\ttext\n", kTsv), IsEmpty());
  EXPECT_THAT(rows("", kTsvByNumber), IsEmpty());
}

TEST_F(TextRecordsTest, QuotedFieldsFollowRfc4180) {
  EXPECT_EQ(rows("\"text\",n,label\r\n\"a,b\r\nc \"\"d\"\"\",,x\r\n\n plain ,\"\"\"\",\"\"\n", kCsv),
            (Rows{{"a,b\nc \"d\"", "x", "2"}, {" plain ", "", "5"}}));
}

TEST_F(TextRecordsTest, SemicolonsSeparateLikeCommas) {
  TextLayout layout = kCsv;
  layout.format = TextFormat::semicolons;
  EXPECT_EQ(rows("text;n;label\na, b;1,5;x\n\"c;\nd \"\"e\"\"\";;y\n", layout),
            (Rows{{"a, b", "x", "2"}, {"c;\nd \"e\"", "y", "3"}}));
  EXPECT_THAT(refused("text,label\na,x\n", layout),
              HasSubstr("names 1 columns, and none of them 'text'; fields stand"));
  EXPECT_THAT(refused("text;label\n\"a\",x\n", layout), HasSubstr("text follows the closing quote of field 1"));
  EXPECT_EQ(format_with_columns("semicolons"), TextFormat::semicolons);
}

TEST_F(TextRecordsTest, QuotedLineBreaksStayAndCountAsLines) {
  EXPECT_EQ(rows("\"a\n\n\"\"b\"\nc", kCsvByNumber), (Rows{{"a\n\n\"b", "1"}, {"c", "4"}}));
}

TEST_F(TextRecordsTest, WrongQuotesAreRefusedByLine) {
  EXPECT_THAT(refused("a\nb\"c\n", kCsvByNumber), HasSubstr("line 2: a quote within field 1, which does not begin"));
  EXPECT_THAT(refused("a\n \"c\"\n", kCsvByNumber), HasSubstr("line 2: a quote within field 1"));
  EXPECT_THAT(refused("a\n\"c\" \n", kCsvByNumber), HasSubstr("line 2: text follows the closing quote of field 1"));
  EXPECT_THAT(refused("a\n\"b\nc\"d\n", kCsvByNumber), HasSubstr("line 3: text follows the closing quote of field 1"));
  EXPECT_THAT(refused("a\n\"b\nc\nd\n", kCsvByNumber), HasSubstr("line 2: a field in quotes that begins in this"));
}

TEST_F(TextRecordsTest, ObjectsGiveTheWantedFields) {
  EXPECT_EQ(rows("{\"label\": \"x\", \"text\": \"a\\n\\u00e9\\\"\", \"more\": [{\"text\": 1}, null, [true]]}\n\n"
                 " {\"text\":\"b\",\"label\":-1.50} \r\n{\"label\": 18446744073709551615, \"text\": \"\"}",
                 kJson),
            (Rows{{"a\n\xc3\xa9\"", "x", "1"}, {"b", "-1.50", "3"}, {"", "18446744073709551615", "4"}}));
}

TEST_F(TextRecordsTest, WhatIsNoSuchObjectIsRefusedByLine) {
  const std::string good = "{\"text\": \"a\", \"label\": \"x\"}\n";
  const auto second = [&](const std::string& line) { return refused(good + line, kJson); };
  EXPECT_EQ(second(good), "accepted");
  for (const char* line : {"[]", "\"text\"", "7331", "null", "true", "[{\"text\": \"a\", \"label\": \"x\"}]"})
    EXPECT_THAT(second(line), HasSubstr("line 2: not a JSON object")) << line;
  for (const char* line : {"{", "{\"text\": \"a\", \"label\": \"x\"} {}", "{\"text\": \"a\", \"label\": \"x\",}",
                           "{'text': 'a', 'label': 'x'}", "{\"text\": \"\\ud800\", \"label\": \"x\"}",
                           "{\"text\": \"a\", \"label\": NaN}", "{\"text\": \"a\", \"label\": 1e999}",
                           "{\"text\": \"a\", \"label\": 01}", "// a\n", "{\"text\": \"a\tb\", \"label\": \"x\"}"})
    EXPECT_THAT(second(line), HasSubstr("line 2: not JSON from about byte")) << line;
  EXPECT_THAT(second("{\"text\": \"a\", \"label\": \"x\", \"text\": \"b\"}"), HasSubstr("a name occurs twice"));
  EXPECT_THAT(second("{\"text\": \"a\", \"label\": \"x\", \"o\": [{\"p\": 1, \"p\": 2}]}"), HasSubstr("twice"));
  EXPECT_THAT(second("{\"text\": \"a\"}"), HasSubstr("line 2: no field 'label'"));
  EXPECT_THAT(second("{\"label\": \"a\", \"o\": {\"text\": \"b\"}}"), HasSubstr("line 2: no field 'text'"));
  EXPECT_THAT(second("{\"text\": 1, \"label\": \"x\"}"), HasSubstr("the field 'text' is a number"));
  EXPECT_THAT(second("{\"text\": 1.5, \"label\": \"x\"}"), HasSubstr("the field 'text' is a number"));
  EXPECT_THAT(second("{\"text\": null, \"label\": \"x\"}"), HasSubstr("the field 'text' is null"));
  EXPECT_THAT(second("{\"text\": [\"a\"], \"label\": \"x\"}"), HasSubstr("the field 'text' is a list"));
  EXPECT_THAT(second("{\"text\": {}, \"label\": \"x\"}"), HasSubstr("the field 'text' is an object"));
  EXPECT_THAT(second("{\"text\": true, \"label\": \"x\"}"), HasSubstr("the field 'text' is true or false"));
  EXPECT_THAT(second("{\"text\": \"a\\u0000\", \"label\": \"x\"}"), HasSubstr("'text' holds a zero character"));
  EXPECT_THAT(second("{\"o\": " + std::string(100, '[')), HasSubstr("nested deeper than 64 levels"));
}

TEST_F(TextRecordsTest, LinesAreTexts) {
  EXPECT_EQ(rows("a\tb\r\n\n \"c\n", kLines), (Rows{{"a\tb", "1"}, {"", "2"}, {" \"c", "3"}}));
}

TEST_F(TextRecordsTest, AByteOrderMarkIsReadOverAtTheBeginOnly) {
  EXPECT_EQ(rows("\xef\xbb\xbf"
                 "text\tlabel\na\tx\n\xef\xbb\xbf"
                 "b\ty\n",
                 kTsv),
            (Rows{{"a", "x", "2"},
                  {"\xef\xbb\xbf"
                   "b",
                   "y", "3"}}));
}

TEST_F(TextRecordsTest, GzipIsReadLikePlainFiles) {
  const std::string text = "text\tlabel\na\tx\n";
  const auto path = folder_.write("t.tsv.gz", testing::gzipped({text.begin(), text.end()}));
  EXPECT_EQ(rows_of(path, kTsv), (Rows{{"a", "x", "2"}}));
}

TEST_F(TextRecordsTest, BytesThatAreNotUtf8AreRefusedByLine) {
  EXPECT_THAT(refused("text\tlabel\ncaf\xe9\tx\n", kTsv),
              HasSubstr("t.txt, line 2: not UTF-8 from byte 4 of the line"));
  EXPECT_THAT(refused("text\tl\xc0\x80\n", kTsv), HasSubstr("line 1: not UTF-8"));
  EXPECT_THAT(refused("\"a\nb\xff\"\n", kCsvByNumber), HasSubstr("line 2: not UTF-8 from byte 2"));
  EXPECT_THAT(refused("{\"text\": \"\xed\xa0\x80\", \"label\": \"x\"}", kJson), HasSubstr("line 1: not UTF-8"));
  EXPECT_THAT(refused("a\n\x80\n", kLines), HasSubstr("line 2: not UTF-8 from byte 1"));
  EXPECT_THAT(refused(std::string("a\nb\0c\n", 6), kLines), HasSubstr("line 2: a zero byte"));
}

TEST_F(TextRecordsTest, ColumnsThatAreNotThereAreRefused) {
  EXPECT_THAT(refused("text\tLabel\na\tx\n", kTsv),
              HasSubstr("t.txt, line 1: the header names 2 columns, and none of them 'label'"));
  EXPECT_THAT(refused("text\tlabel\ttext\n", kTsv), HasSubstr("line 1: the header names 'text' twice"));
  EXPECT_THAT(refused("", kTsv), HasSubstr("line 1: there is no header line"));
  EXPECT_THAT(refused("\n7331\n", kTsvByNumber), HasSubstr("line 2: 1 fields, so that there is no column 2"));
  for (const char* column : {"0", "-1", "+1", "1.0", "01", " 1", "text", "10001", "99999999999999999999"})
    EXPECT_THAT(usage_error([&] { rows("a\n", {.format = TextFormat::tsv, .header = false, .columns = {column}}); }),
                AllOf(HasSubstr(column), HasSubstr("told by their number, 1 to 10000")));
}

TEST_F(TextRecordsTest, RecordsOfAnotherWidthAreRefusedByLine) {
  EXPECT_THAT(refused("text\tlabel\na\tx\nb\n", kTsv), HasSubstr("line 3: 1 fields where 2 are needed"));
  EXPECT_THAT(refused("text\tlabel\na\tx\ty\n", kTsv), HasSubstr("line 2: 3 fields where 2 are needed"));
  EXPECT_THAT(refused("ham\ta\nspam\tb\tc\n", kTsvByNumber), HasSubstr("line 2: 3 fields where 2 are needed"));
  EXPECT_THAT(refused("text,label\n\"a\nb\"\n", kCsv), HasSubstr("line 2: 1 fields where 2 are needed"));
}

TEST_F(TextRecordsTest, NoMessageTellsWhatARecordHolds) {
  for (const std::string line : {"7331", "7331\t1\t2", "7331\xff\tx", "\"7331", "\"7331\"7", "73\"31,x", "7331,1,2",
                                 "{\"7331\": 7331}", "{\"text\": \"7331\", 7331", "{7331}", "[7331]", "\"7331\""})
    for (const TextLayout& layout : {kTsv, kTsvByNumber, kCsv, kJson})
      for (const std::string& whole : {line, "text\tlabel\n" + line, "text,label\n" + line, "x\ty\n" + line + "\n"}) {
        const std::string message = refused(whole, layout);
        EXPECT_THAT(message, AnyOf("accepted", AllOf(HasSubstr(", line "), Not(HasSubstr("7331")))));
      }
}

TEST_F(TextRecordsTest, LimitsAreKept) {
  const std::string longest(kMaxLineBytes, 'x');
  EXPECT_EQ(refused(longest, kLines), "accepted");
  EXPECT_THAT(refused(longest + "x", kLines), HasSubstr("line 1: longer than 1048576 bytes"));
  const std::string half(kMaxLineBytes / 2, 'x');
  EXPECT_THAT(refused("\"" + half + "\n" + half + "\"", kCsvByNumber), HasSubstr("a record longer than 1048576 bytes"));
  EXPECT_EQ(refused("\"" + half + "\n" + half.substr(1) + "\"", kCsvByNumber), "accepted");
  EXPECT_EQ(refused(half + "\n" + half + "\n" + half, kCsvByNumber), "accepted");
  EXPECT_EQ(refused("a" + std::string(kMaxFields - 1, '\t'), kTsvByNumber), "accepted");
  EXPECT_THAT(refused("a" + std::string(kMaxFields, '\t'), kTsvByNumber), HasSubstr("more than 10000 fields"));
  EXPECT_THAT(refused("a" + std::string(kMaxFields, ','), kCsvByNumber), HasSubstr("more than 10000 fields"));
  const auto read = [&](std::int64_t max_bytes) {
    return [this, max_bytes] {
      TextRecords records(file("ab\ncd\n"), kLines, max_bytes);
      while (records.next()) {
      }
    };
  };
  EXPECT_EQ(data_error(read(6)), "accepted");
  EXPECT_THAT(data_error(read(5)), HasSubstr("line 2: the file is longer than the limit of 5 bytes"));
  EXPECT_THAT(usage_error(read(0)), HasSubstr("max_bytes: 0; must be positive"));
}

TEST_F(TextRecordsTest, ColumnsThatDoNotFitTheFormatAreRefused) {
  const auto wrong = [&](TextFormat format, std::vector<std::string> columns) {
    return usage_error([&] { rows("", {.format = format, .header = true, .columns = columns}); });
  };
  EXPECT_THAT(wrong(TextFormat::lines, {"text"}), HasSubstr("has no columns to choose from"));
  EXPECT_THAT(wrong(TextFormat::tsv, {}), HasSubstr("no column is named"));
  EXPECT_THAT(wrong(TextFormat::jsonl, {"a", "a"}), HasSubstr("named twice or has no name"));
  EXPECT_THAT(wrong(TextFormat::csv, {"a", ""}), HasSubstr("named twice or has no name"));
}

}  // namespace
}  // namespace sotto::data

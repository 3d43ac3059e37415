#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sotto/data/csv_table.h>
#include <sotto/privacy/error.h>

#include "../support/message.h"
#include "../support/scratch_folder.h"

namespace sotto::data {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr const char* kSchema =
    "# a comment\n@missing ?\n@comment |\n@optional-end .\n"
    "age: number 10 30\nkind: category A, B b, C\nnote: ignore\nlabel: label no, yes\n";

class TableTest : public ::testing::Test {
 protected:
  std::filesystem::path file(const std::string& name, const std::string& text) {
    return folder_.write(name, testing::Bytes(text.begin(), text.end()));
  }
  TableSchema schema(const std::string& text = kSchema) { return read_table_schema(file("s.schema", text)); }
  Table table(const std::string& text) { return read_csv_table(file("t.csv", text), schema()); }
  template <typename Call>
  std::string message(Call call) {
    return sotto::testing::message_of<DataError>(call);
  }
  std::string refused(const std::string& text) {
    return message([&] { table(text); });
  }
  std::string schema_refused(const std::string& text) {
    return message([&] { schema(text); });
  }
  sotto::testing::ScratchFolder folder_;
};

TEST_F(TableTest, RecordsAreEncodedByTheSchemaAlone) {
  const Table t = table("|first\n10, A, any thing, no\n\n30,\"B b\",\"x, \"\"y\"\"\", yes.\r\n 15 ,?,,yes\n?,C,,no");
  EXPECT_EQ(t.count, 4);
  EXPECT_EQ(t.features, 4);
  EXPECT_EQ(t.classes, 2);
  EXPECT_THAT(t.values, ElementsAre(-1, 1, 0, 0, 1, 0, 1, 0, -0.5f, 0, 0, 0, 0, 0, 0, 1));
  EXPECT_THAT(t.labels, ElementsAre(0, 1, 1, 0));
}

TEST_F(TableTest, RefusalsNameFileLineAndColumnAndNoValue) {
  EXPECT_THAT(refused("10,A,,no\n31,A,,no\n"),
              HasSubstr("t.csv, line 2: column age: outside of the declared range 10 to 30"));
  for (const char* secret : {"7331", "7331x", "\"7331", "7331\"7"})
    for (const char* rest : {",A,,no", ",A,,no,", ""})
      EXPECT_THAT(refused(std::string("10,A,,no\n") + secret + rest + "\n"),
                  AllOf(HasSubstr("t.csv, line 2: "), Not(HasSubstr("7331"))));
  for (const char* line : {"10,7331,,no", "10,A,,7331", "10,73\"31,,no"})
    EXPECT_THAT(refused(line), AllOf(HasSubstr("line 1: "), Not(HasSubstr("73"))));
  EXPECT_THAT(refused("nan,A,,no\n"), HasSubstr("column age"));
  EXPECT_THAT(refused("1e1x,A,,no\n"), HasSubstr("column age: not a number"));
  EXPECT_THAT(refused("10,D,,no\n"), HasSubstr("column kind: not among the 3 declared values"));
  EXPECT_THAT(refused("10,A,,maybe\n"), HasSubstr("column label: not among the 2 declared values"));
  EXPECT_THAT(refused("10,A,,?\n"), HasSubstr("column label: not among"));
  EXPECT_THAT(refused("10,A,no\n"), HasSubstr("line 1: 3 fields; the schema has 4 columns"));
  EXPECT_THAT(refused("10,\"A,,no\n"), HasSubstr("does not end on its line"));
  EXPECT_THAT(refused("10,\"A\"x,,no\n"), HasSubstr("text follows a quoted field"));
  EXPECT_THAT(refused("10,A\"x,,no\n"), HasSubstr("a quote within field 2"));
  EXPECT_THAT(refused(std::string("10,A,\0,no\n", 10)), HasSubstr("zero byte"));
  EXPECT_THAT(refused(std::string(2 << 20, 'x')), HasSubstr("longer than"));
  EXPECT_THAT(refused("\n|only a comment\n"), HasSubstr("holds no record"));
  EXPECT_THAT(message([&] { read_csv_table(file("t.csv", "10,A,,no\n10,A,,no\n"), schema(), 31); }),
              HasSubstr("line 2: the table takes more than the limit of 31 bytes"));
}

TEST_F(TableTest, SchemaComesWithTheBytesThatItWasReadFromOnce) {
  EXPECT_EQ(schema().text, kSchema);
  std::string padded = kSchema;
  padded.resize(kMaxSchemaBytes, '\n');
  EXPECT_EQ(schema(padded).text, padded);
  EXPECT_THAT(schema_refused(padded + "\n"), HasSubstr("1048577 bytes; up to 1048576 are allowed"));
  EXPECT_THAT(message([&] { read_table_schema(folder_.path()); }), HasSubstr("is no file"));
  EXPECT_THAT(message([&] { read_table_schema("/nowhere"); }), HasSubstr("[read_table_schema] /nowhere: is no file"));
}

TEST_F(TableTest, HeadersMustBeThoseOfTheSchema) {
  const TableSchema with = schema("@header\na: number 0 1\nb: label x, y\n");
  EXPECT_EQ(read_csv_table(file("t.csv", "a,b\n1,x\n"), with).count, 1);
  EXPECT_THAT(message([&] { read_csv_table(file("t.csv", "b,a\n1,x\n"), with); }),
              HasSubstr("the header's column 1 is not 'a', which the schema has"));
}

TEST_F(TableTest, BadSchemasAreRefusedByLine) {
  const std::string good = "a: number 0 1\nb: label x, y\n";
  EXPECT_EQ(schema_refused(good), "accepted");
  EXPECT_THAT(schema_refused(good + "b: ignore\n"), HasSubstr("line 3: the column 'b' is declared twice"));
  EXPECT_THAT(schema_refused(good + "c: label x, y\n"), HasSubstr("a second label"));
  EXPECT_THAT(schema_refused(good + "c: number 1 1\n"), HasSubstr("two bounds"));
  EXPECT_THAT(schema_refused(good + "c: number 1 inf\n"), HasSubstr("'inf' is not a number"));
  EXPECT_THAT(schema_refused(good + "c: number 1\n"), HasSubstr("is not a number"));
  EXPECT_THAT(schema_refused(good + "c: category x, x\n"), HasSubstr("repeated"));
  EXPECT_THAT(schema_refused(good + "c: category x,,y\n"), HasSubstr("empty"));
  EXPECT_THAT(schema_refused(good + "c: text\n"), HasSubstr("'text'; allowed are"));
  EXPECT_THAT(schema_refused(good + "c\n"), HasSubstr("no colon"));
  EXPECT_THAT(schema_refused(good + "@mising ?\n"), HasSubstr("@mising"));
  EXPECT_THAT(schema_refused("b: label x, y\n"), HasSubstr("at least one number or category"));
  EXPECT_THAT(schema_refused("a: number 0 1\nb: label x\n"), HasSubstr("1 labels"));
}

}  // namespace
}  // namespace sotto::data

#pragma once
// Tables of comma-separated values with a declared schema: categories and ranges come from the user's file, never from
// the rows, so that nothing about the encoding of one record depends on another.
//
// The schema is a text file with a line for each column, in the table's order, and lines that begin with # or @:
//   age: number 17 90                  encoded as 2 (x - 17) / (90 - 17) - 1
//   workclass: category Private, State-gov, Never-worked      encoded as one number 0 or 1 per category
//   fnlwgt: ignore                     read over
//   income: label <=50K, >50K          exactly one column, 2 to 256 values; the label is the place in the list
//   @missing ?                         fields of this text are missing: all encoded numbers of the column are 0
//   @comment |                         lines of the table that begin with this text are read over
//   @optional-end .                    this text at the end of a label is read over
//   @header                            the first line holds the names of the columns, in the schema's order
//
// The table is strict: every line has as many fields as there are columns; blanks around fields are read over; a field
// may be in double quotes, with "" for a quote, on one line; empty lines are read over. Refused, with file, line
// and column but never with what the field holds, which is private: a category or label that is not declared, a number
// outside of its declared range, anything else.

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace sotto::data {

struct TableColumn {
  enum class Kind { number, category, label, ignore };
  std::string name;
  Kind kind = Kind::ignore;
  double low = 0, high = 0;         // kind number
  std::vector<std::string> values;  // kinds category and label
};

struct TableSchema {
  std::vector<TableColumn> columns;
  std::string missing, comment, optional_end;  // empty: none
  bool header = false;
  std::string text;  // the bytes of the file that was read

  std::int64_t features() const;                 // encoded numbers of a record
  std::vector<std::string> class_names() const;  // the values of the label
  int classes() const;
};

// Schemas above this many bytes are refused.
inline constexpr std::size_t kMaxSchemaBytes = 1 << 20;

// Reads the file once. Throws DataError naming the line for a schema that is not as above, and for what is no regular
// file.
TableSchema read_table_schema(const std::filesystem::path& path);

struct Table {
  std::int64_t count = 0;
  std::int64_t features = 0;
  int classes = 0;
  std::vector<float> values;         // [count][features]
  std::vector<std::uint8_t> labels;  // [count]
};

// Throws DataError as said above, for a table without a record, and for one whose values take more than max_bytes.
Table read_csv_table(const std::filesystem::path& path, const TableSchema& schema, std::int64_t max_bytes = 1LL << 34);

}  // namespace sotto::data

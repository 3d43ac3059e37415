#pragma once
// Reads a table of tests/golden: lines starting with # are comments, then a header line, then comma-separated rows.

#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <map>
#include <sstream>
#include <string>
#include <vector>

namespace sotto::privacy {

class GoldenRow {
 public:
  explicit GoldenRow(std::map<std::string, std::string> fields) : fields_(std::move(fields)) {}
  const std::string& text(const std::string& column) const { return fields_.at(column); }
  double number(const std::string& column) const { return parse(text(column)); }
  // "a/b" is a list, one entry per phase.
  std::vector<double> numbers(const std::string& column) const {
    std::vector<double> values;
    std::stringstream parts(text(column));
    for (std::string part; std::getline(parts, part, '/');) values.push_back(parse(part));
    return values;
  }

 private:
  static double parse(const std::string& text) {
    char* end = nullptr;
    const double value = std::strtod(text.c_str(), &end);
    if (text.empty() || *end != '\0') ADD_FAILURE() << "not a number: '" << text << "'";
    return value;
  }
  std::map<std::string, std::string> fields_;
};

inline std::vector<GoldenRow> read_golden(const std::string& name) {
  std::ifstream file(std::string(SOTTO_TEST_DATA) + "/" + name);
  EXPECT_TRUE(file) << name;
  const auto split = [](const std::string& line) {
    std::vector<std::string> fields(1);
    for (const char c : line) {
      if (c == ',')
        fields.emplace_back();
      else
        fields.back() += c;
    }
    return fields;
  };
  std::vector<std::string> header;
  std::vector<GoldenRow> rows;
  for (std::string line; std::getline(file, line);) {
    if (line.empty() || line[0] == '#') continue;
    if (header.empty()) {
      header = split(line);
      continue;
    }
    const auto fields = split(line);
    EXPECT_EQ(fields.size(), header.size()) << line;
    std::map<std::string, std::string> row;
    for (size_t i = 0; i < header.size(); ++i) row[header[i]] = fields.at(i);
    rows.emplace_back(std::move(row));
  }
  return rows;
}

}  // namespace sotto::privacy

#pragma once
// A fixed split of a file of texts into training and test, the same everywhere for a seed and a fraction.
//
// The side of a record depends on its text alone, and where there are groups on the name of its group alone, so that a
// file with one record or group more or less has all others on the same sides, and no group and no repeated text is on
// both. Hence the share of the test side is close to the fraction, not equal to it: of n texts, about n f with a
// standard deviation of sqrt(n f (1 - f)).
//
// Of a published file (text_preset.h) the side depends on the number of the record instead, as such splits are made. To
// "remove a record" then means to leave its number unused, and repeated texts may be on both sides unless they are left
// out (TextTableOptions::is_test).

#include <sotto/data/text_table.h>

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

namespace sotto::data {

class PublicSplit {
 public:
  enum class By { text, number };

  // Throws UsageError unless 0 < test_fraction < 1.
  PublicSplit(double test_fraction, std::uint64_t seed, By by);

  // Whether u < test_fraction, where u is the first 53 bits of keyed_hash(seed, "split text", TEXT) over 2^53, or of
  // keyed_hash(seed, "split record", NUMBER in decimal), and for a group of keyed_hash(seed, "split group", NAME).
  bool tests_record(std::int64_t number, std::string_view text) const;
  bool tests_group(std::string_view name) const;

  struct Sides {
    std::vector<std::size_t> train, test;  // places in the table, ascending
  };
  // By group where the table has groups, otherwise by record.
  Sides sides(const TextTable& table) const;

 private:
  bool tests(std::string_view purpose, std::string_view name) const;

  double test_fraction_;
  std::uint64_t seed_;
  By by_;
};

}  // namespace sotto::data

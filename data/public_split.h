#pragma once
// A fixed split of a file of texts into training and test, the same everywhere for a seed and a fraction.
//
// The side of a record depends on its number in the file alone, and where there are groups on the name of its group
// alone, so that no group is on both sides and the side of one does not depend on the others. Hence the share of the
// test side is close to the fraction, not equal to it: of n, about n f with a standard deviation of sqrt(n f (1 - f)).
// To "remove a record" means to leave its number unused. Repeated texts may be on both sides unless they are left out
// (TextTableOptions::is_test).

#include <sotto/data/text_table.h>

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

namespace sotto::data {

class PublicSplit {
 public:
  // Throws UsageError unless 0 < test_fraction < 1.
  PublicSplit(double test_fraction, std::uint64_t seed);

  // Whether u < test_fraction, where u is the first 53 bits of keyed_hash(seed, "split record", NUMBER in decimal) over
  // 2^53, and for a group of keyed_hash(seed, "split group", NAME).
  bool tests_record(std::int64_t number) const;
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
};

}  // namespace sotto::data

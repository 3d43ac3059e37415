#include <fmt/format.h>
#include <sotto/data/keyed_hash.h>
#include <sotto/data/public_split.h>
#include <sotto/privacy/error.h>

namespace sotto::data {

PublicSplit::PublicSplit(double test_fraction, std::uint64_t seed, By by)
    : test_fraction_(test_fraction), seed_(seed), by_(by) {
  if (!(test_fraction > 0 && test_fraction < 1))
    throw UsageError(fmt::format("[PublicSplit] test_fraction: {}; must be above 0 and below 1", test_fraction));
}

bool PublicSplit::tests(std::string_view purpose, std::string_view name) const {
  constexpr int kDropped = 64 - 53;  // 53 bits are a double exactly
  const auto bits = static_cast<double>(keyed_hash(seed_, purpose, name) >> kDropped);
  return bits * 0x1p-53 < test_fraction_;
}

bool PublicSplit::tests_record(std::int64_t number, std::string_view text) const {
  return by_ == By::text ? tests("split text", text) : tests("split record", std::to_string(number));
}

bool PublicSplit::tests_group(std::string_view name) const {
  return tests("split group", name);
}

PublicSplit::Sides PublicSplit::sides(const TextTable& table) const {
  std::vector<bool> group_tests;
  for (const std::string& name : table.group_names) group_tests.push_back(tests_group(name));
  Sides result;
  for (std::size_t i = 0; i < table.texts.size(); ++i) {
    const bool test = table.groups.empty() ? tests_record(table.numbers[i], table.texts[i])
                                           : group_tests[static_cast<std::size_t>(table.groups[i])];
    (test ? result.test : result.train).push_back(i);
  }
  return result;
}

}  // namespace sotto::data

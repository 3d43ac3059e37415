#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sotto/privacy/error.h>
#include <sotto/privacy/strict_json.h>

#include "../support/message.h"

namespace sotto::privacy {
namespace {

using ::testing::HasSubstr;

// {"k0": 0, "k1": 0, ...}, and then `last`.
std::string object_of(std::size_t keys, const std::string& last = "") {
  std::string text = "{";
  for (std::size_t i = 0; i < keys; ++i) text += (i == 0 ? "\"k" : ", \"k") + std::to_string(i) + "\": 0";
  return text + last + "}";
}

std::string refused(const std::string& text, std::size_t largest_object) {
  return sotto::testing::message_of<UsageError>([&] { read_strict_json("here", text, largest_object); });
}

TEST(StrictJson, ObjectsMayHaveAsManyKeysAsAskedFor) {
  EXPECT_EQ(std::get<JsonValue::Object>(read_strict_json("here", object_of(30000), 30000).value).size(), 30000);
  EXPECT_THAT(refused(object_of(30001), 30000), HasSubstr("[here] object with more than 30000 keys"));
  EXPECT_EQ(refused(object_of(kLargestJsonObject), kLargestJsonObject), "accepted");
  EXPECT_THAT(
      sotto::testing::message_of<UsageError>([] { read_strict_json("here", object_of(kLargestJsonObject + 1)); }),
      HasSubstr("object with more than 16 keys"));
}

TEST(StrictJson, AKeyIsThereOnceInSmallAndLargeObjects) {
  EXPECT_THAT(refused(R"({"a": 1, "a": 1})", 16), HasSubstr("[here] key 'a' twice in one object"));
  EXPECT_THAT(refused(R"({"a": 1, "\u0061": 1})", 16), HasSubstr("key 'a' twice"));
  EXPECT_THAT(refused(R"([{"b": {"a": 1, "c": 2, "a": 1}}])", 16), HasSubstr("key 'a' twice"));
  EXPECT_THAT(refused(object_of(30000, ", \"k77\": 0"), 40000), HasSubstr("key 'k77' twice"));
  EXPECT_EQ(refused(R"([{"a": {"a": 1}}, {"a": 1}])", 16), "accepted");
}

}  // namespace
}  // namespace sotto::privacy

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sotto/privacy/error.h>
#include <sotto/privacy/json_node.h>

#include <functional>

#include "../support/message.h"

namespace sotto::privacy {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

constexpr const char* kText = R"({"name": "x", "size": 3, "rate": 0.5, "on": true, "off": false, "none": null,
                                  "list": [{"deep": 1}], "inner": {"far": {"size": 4}}})";

class JsonNodeTest : public ::testing::Test {
 protected:
  std::string refusal(const std::function<void(JsonNode&)>& work) {
    return sotto::testing::message_of<DataError>([&] { work(root_); });
  }

  const std::filesystem::path file_ = "settings.json";
  const JsonValue document_ = parse_settings("here", file_, kText, 1000, 16);
  JsonNode root_{"here", file_, "", document_};
};

TEST_F(JsonNodeTest, RefusalsNameFunctionFileAndPlace) {
  EXPECT_THAT(refusal([](auto& root) { root.need("absent"); }),
              StartsWith("[here] settings.json: 'absent' is missing"));
  EXPECT_THAT(refusal([](auto& root) { root.inside("inner").inside("far").integer("size", 5, 6); }),
              StartsWith("[here] settings.json: 'inner.far.size' is 4; must be an integer from 5 to 6"));
  EXPECT_THAT(refusal([](auto& root) {
                const auto& list = root.template need<JsonValue::Array>("list", "an array");
                root.element("list", 0, list[0]).template need<bool>("deep", "true or false");
              }),
              StartsWith("[here] settings.json: 'list[0].deep' is 1; must be true or false"));
  EXPECT_THAT(refusal([](auto& root) { root.inside("name"); }), HasSubstr("'name' is 'x'; must be an object"));
}

TEST_F(JsonNodeTest, IntegersAreWholeAndInTheirRange) {
  EXPECT_EQ(root_.integer("size", 3, 3), 3);
  EXPECT_THAT(refusal([](auto& root) { root.integer("size", 1, 2); }), HasSubstr("must be an integer from 1 to 2"));
  EXPECT_THAT(refusal([](auto& root) { root.integer("rate", 0, 9); }), HasSubstr("'rate' is 0.5; must be an integer"));
  EXPECT_THAT(refusal([](auto& root) { root.integer("on", 0, 9); }), HasSubstr("'on' is true; must be an integer"));
}

TEST_F(JsonNodeTest, WhatIsDemandedMustBeOneOfTheValuesOfTheSameKind) {
  root_.demand("name", {JsonValue{"y"}, JsonValue{"x"}});
  root_.demand("none", {JsonValue{nullptr}});
  root_.demand_if_given("absent", {JsonValue{"x"}});
  EXPECT_THAT(refusal([](auto& root) {
                root.demand("name", {JsonValue{"y"}, JsonValue{true}, JsonValue{nullptr}});
              }),
              HasSubstr("'name' is 'x'; must be 'y', true or null"));
  EXPECT_THAT(refusal([](auto& root) { root.demand("off", {JsonValue{nullptr}}); }), HasSubstr("'off' is false"));
  EXPECT_THAT(refusal([](auto& root) { root.demand("size", {JsonValue{"3"}}); }), HasSubstr("'size' is 3"));
  EXPECT_THAT(refusal([](auto& root) { root.demand("absent", {JsonValue{"x"}}); }), HasSubstr("'absent' is missing"));
  EXPECT_THAT(refusal([](auto& root) { root.demand_if_given("name", {JsonValue{"y"}}); }), HasSubstr("must be 'y'"));
}

TEST_F(JsonNodeTest, WhatNobodyTookIsRefused) {
  for (const char* key : {"name", "size", "rate", "on", "list"}) root_.take(key);
  EXPECT_THAT(refusal([](auto& root) { root.end(); }), HasSubstr("'off' is not known here"));
  EXPECT_THAT(refusal([](auto& root) { root.end_with_rest_off(); }),
              HasSubstr("'inner' is an object; must be null, false or empty"));
  root_.take("inner");
  root_.end_with_rest_off();
  root_.take("off");
  root_.take("none");
  root_.end();
}

TEST(JsonSettings, TextThatIsLongOrNoJsonIsRefusedWithTheFilesName) {
  const auto refusal = [](const std::string& text) {
    return sotto::testing::message_of<DataError>([&] { parse_settings("here", "settings.json", text, 20, 16); });
  };
  EXPECT_THAT(refusal(std::string(21, ' ')), HasSubstr("[here] settings.json: longer than 20 bytes"));
  EXPECT_THAT(refusal("{"), HasSubstr("settings.json"));
  EXPECT_THAT(refusal(R"({"a": 1, "a": 2})"), HasSubstr("'a'"));
}

TEST(JsonSettings, WhatAMessageRepeatsIsPrintableAndShort) {
  EXPECT_EQ(shown(std::string("a\n\xC3\xA9")), "'a???...'");
  EXPECT_EQ(shown(std::string(41, 'x')), "'" + std::string(40, 'x') + "...'");
  EXPECT_EQ(shown(JsonValue{0.25}), "0.25");
  EXPECT_EQ(shown(JsonValue{JsonValue::Array{}}), "an array");
}

}  // namespace
}  // namespace sotto::privacy

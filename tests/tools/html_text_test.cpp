#include <gtest/gtest.h>
#include <sotto/tools/html_text.h>

namespace sotto::tools {
namespace {

TEST(HtmlEscaped, MarkupBecomesReferences) {
  EXPECT_EQ(html_escaped("<a href=\"x\">R&D's</a>"), "&lt;a href=&quot;x&quot;&gt;R&amp;D&#39;s&lt;/a&gt;");
}

TEST(HtmlEscaped, LineEndsAndTabsSurviveAnAttribute) {
  EXPECT_EQ(html_escaped("a\tb\r\nc"), "a&#9;b&#13;&#10;c");
}

TEST(HtmlEscaped, OtherTextStaysAsItIs) {
  EXPECT_EQ(html_escaped("Gr\u00fc\u00dfe \u4e16\u754c \U0001F600 x=1;"),
            "Gr\u00fc\u00dfe \u4e16\u754c \U0001F600 x=1;");
  EXPECT_EQ(html_escaped(""), "");
}

TEST(HtmlEscaped, WhatMarkupCannotHoldIsReplaced) {
  using namespace std::string_view_literals;
  EXPECT_EQ(html_escaped("a\0b\x1F\x7F"sv), "a\uFFFDb\uFFFD\uFFFD");
  EXPECT_EQ(html_escaped("\xC2\x80\xC2\x9F\xC2\xA0"), "\uFFFD\uFFFD\u00A0");
  EXPECT_EQ(html_escaped("\uFFFE\uFFFF\uFFFD"), "\uFFFD\uFFFD\uFFFD");
  EXPECT_EQ(html_escaped("a\xFF\xC3<"), "a\uFFFD\uFFFD&lt;");
  EXPECT_EQ(html_escaped("\xED\xA0\x80"), "\uFFFD\uFFFD\uFFFD");  // a surrogate
}

}  // namespace
}  // namespace sotto::tools

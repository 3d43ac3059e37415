#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sotto/tools/html_page.h>

#include <regex>
#include <string>

namespace sotto::tools {
namespace {

// FIPS 180-4 example: SHA-256 of "abc" is ba7816bf 8f01cfea 414140de 5dae2223 b00361a3 96177a9c b410ff61 f20015ad; in
// base64 by RFC 4648. The other is the hash that the Content Security Policy standard prints for alert('Hello,
// world.');
TEST(CspHash, MeetsPublishedValues) {
  EXPECT_EQ(csp_hash("abc"), "sha256-ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0=");
  EXPECT_EQ(csp_hash("alert('Hello, world.');"), "sha256-qznLcsROx4GACP2dm0UCKCzCG+HiZ1guq6ZZDob/Tng=");
}

TEST(HtmlPage, ItsPolicyAllowsTheStyleAndTheScriptInsideAndNothingElse) {
  const std::string page = html_page("title", "<p>body</p>");
  std::smatch policy, style, script;
  ASSERT_TRUE(std::regex_search(page, policy, std::regex("Content-Security-Policy\" content=\"([^\"]*)\"")));
  const auto inside = [&](const std::string& tag) {
    const std::size_t begin = page.find("<" + tag + ">") + tag.size() + 2;
    return page.substr(begin, page.find("</" + tag + ">") - begin);
  };
  EXPECT_EQ(policy[1], "default-src 'none'; style-src '" + csp_hash(inside("style")) + "'; script-src '" +
                           csp_hash(inside("script")) + "'; base-uri 'none'; form-action 'none'");
  EXPECT_THAT(inside("style") + inside("script"), ::testing::Not(::testing::ContainsRegex("[<&]|url|import|http")));
}

TEST(HtmlPage, TitleIsEscaped) {
  EXPECT_THAT(html_page("</title><b>", ""), ::testing::HasSubstr("<title>&lt;/title&gt;&lt;b&gt;</title>"));
}

}  // namespace
}  // namespace sotto::tools

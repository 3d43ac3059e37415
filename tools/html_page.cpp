#include <fmt/format.h>
#include <sotto/privacy/sha256.h>
#include <sotto/tools/html_page.h>
#include <sotto/tools/html_style.h>
#include <sotto/tools/html_text.h>

#include <cstdint>

namespace sotto::tools {
namespace {

// No character that HTML and XML read differently: no <, no &.
constexpr std::string_view kScript = R"js(
for (const button of document.querySelectorAll('button.copy')) {
  button.hidden = false;
  button.addEventListener('click', async () => {
    const source = document.getElementById(button.dataset.copy);
    try {
      await navigator.clipboard.writeText(source.textContent);
      button.textContent = 'Copied';
    } catch (refused) {
      getSelection().selectAllChildren(source);
      button.textContent = 'Selected';
    }
    setTimeout(() => { button.textContent = 'Copy'; }, 2000);
  });
}
)js";

std::string base64(const std::array<unsigned char, 32>& bytes) {
  constexpr std::string_view kDigits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string text;
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    const auto byte = [&](std::size_t k) { return k < bytes.size() ? std::uint32_t{bytes[k]} : 0u; };
    const std::uint32_t three = byte(i) << 16 | byte(i + 1) << 8 | byte(i + 2);
    for (std::size_t digit = 0; digit < 4; ++digit)
      text += i + digit <= bytes.size() ? kDigits[three >> (18 - 6 * digit) & 63] : '=';
  }
  return text;
}

}  // namespace

std::string csp_hash(std::string_view text) {
  return "sha256-" + base64(privacy::sha256(text));
}

std::string html_page(std::string_view title, std::string_view body) {
  return fmt::format(
      "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\"/>\n"
      "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src '{0}'; script-src '{1}'; "
      "base-uri 'none'; form-action 'none'\"/>\n"
      "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"/>\n"
      "<meta name=\"color-scheme\" content=\"light dark\"/>\n<meta name=\"referrer\" content=\"no-referrer\"/>\n"
      "<title>{2}</title>\n<style>{3}</style>\n</head>\n<body>\n{4}<script>{5}</script>\n</body>\n</html>\n",
      csp_hash(kHtmlStyle), csp_hash(kScript), html_escaped(title), kHtmlStyle, body, kScript);
}

}  // namespace sotto::tools

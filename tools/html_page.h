#pragma once
// The frame of a page of HTML that stands for itself: head, style and script.
//
// Nothing is loaded from anywhere, and a Content-Security-Policy forbids it: default-src 'none', and of styles and
// scripts only the two that are inside, by their SHA-256. The page follows the reader's light or dark scheme, fits a
// phone, and prints in the light one with its tables unfolded. The script copies the text of an element to the
// clipboard, from a <button class="copy" data-copy="ID" hidden="hidden">, which it shows; without it nothing is
// missing.
//
// The markup is well-formed XML as well, when `body` is.

#include <string>
#include <string_view>

namespace sotto::tools {

// `title` is escaped; `body` is markup, the content of <body>.
std::string html_page(std::string_view title, std::string_view body);

// "sha256-" and the hash of `text` in base64, as a Content-Security-Policy names what it allows.
std::string csp_hash(std::string_view text);

}  // namespace sotto::tools

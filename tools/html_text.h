#pragma once
// Text of others inside of markup.

#include <string>
#include <string_view>

namespace sotto::tools {

// `text` as the content of an element, or between the double quotes of an attribute, of HTML and of XML alike: what a
// reader of the markup gets back is `text`. & < > " ' and carriage returns become references; so do line feeds and
// tabs, which XML would turn into blanks in an attribute. What neither language can hold - control characters, U+FFFE,
// U+FFFF, bytes that are not UTF-8 - becomes U+FFFD. Linear in the text.
std::string html_escaped(std::string_view text);

}  // namespace sotto::tools

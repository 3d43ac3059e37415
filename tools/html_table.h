#pragma once
// A table of values that is folded away until a reader asks for it.

#include <string>
#include <vector>

namespace sotto::tools {

struct HtmlTable {
  std::string caption;
  std::vector<std::string> columns;
  std::vector<std::vector<std::string>> rows;  // as many cells as columns; the first names the row
};

// A <details> with the table, its headings with their scope. All texts are escaped. Throws UsageError for a row of
// another length.
std::string to_html(const HtmlTable& table);

}  // namespace sotto::tools

#include <fmt/format.h>
#include <sotto/privacy/error.h>
#include <sotto/tools/html_table.h>
#include <sotto/tools/html_text.h>

namespace sotto::tools {

std::string to_html(const HtmlTable& table) {
  std::string text = fmt::format(
      "<details>\n<summary>Values as a table</summary>\n<table class=\"values\">\n<caption>{}</caption>\n<thead><tr>",
      html_escaped(table.caption));
  for (const std::string& column : table.columns)
    text += fmt::format("<th scope=\"col\">{}</th>", html_escaped(column));
  text += "</tr></thead>\n<tbody>\n";
  for (const std::vector<std::string>& row : table.rows) {
    if (row.size() != table.columns.size())
      throw UsageError(fmt::format("[html_table] {}: a row of {} cells; must have {}", table.caption, row.size(),
                                   table.columns.size()));
    text += "<tr>";
    for (std::size_t i = 0; i < row.size(); ++i)
      text += i == 0 ? fmt::format("<th scope=\"row\">{}</th>", html_escaped(row[i]))
                     : fmt::format("<td>{}</td>", html_escaped(row[i]));
    text += "</tr>\n";
  }
  return text + "</tbody>\n</table>\n</details>\n";
}

}  // namespace sotto::tools

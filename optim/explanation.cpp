#include <fmt/format.h>
#include <fmt/ranges.h>
#include <sotto/optim/explanation.h>

#include <algorithm>
#include <nlohmann/json.hpp>

namespace sotto::optim {
namespace {

constexpr const char* kVerdictText[] = {
    "refused: see the problems above",
    "accepted: independence of the records is proven; it was not probed on made-up records",
    "accepted: independence of the records is proven, and probed on made-up records",
};

// Rows of cells as aligned columns, two spaces apart.
std::string columns(const std::vector<std::vector<std::string>>& rows) {
  std::vector<size_t> widths;
  for (const auto& row : rows) {
    widths.resize(std::max(widths.size(), row.size()));
    for (size_t c = 0; c < row.size(); ++c) widths[c] = std::max(widths[c], row[c].size());
  }
  std::string text;
  for (const auto& row : rows) {
    std::string line;
    for (size_t c = 0; c < row.size(); ++c) line += fmt::format("{:<{}}  ", row[c], widths[c]);
    line.erase(line.find_last_not_of(' ') + 1);
    text += line + "\n";
  }
  return text;
}

std::string outputs_text(const ExplainedOperator& row, int64_t batch) {
  std::string text;
  for (const ExplainedTensor& output : row.outputs) text += (text.empty() ? "" : ", ") + shape_text(output, batch);
  return text;
}

nlohmann::ordered_json json_of(const ExplainedTensor& tensor) {
  nlohmann::ordered_json json = {{"dtype", tensor.dtype}, {"sizes", tensor.sizes}};
  if (tensor.position) {
    json["records"] = {
        {"dim", tensor.position->dim}, {"outer", tensor.position->outer}, {"inner", tensor.position->inner}};
  } else {
    json["records"] = nullptr;
  }
  return json;
}

nlohmann::ordered_json json_of(const ExplainedOperator& row) {
  nlohmann::ordered_json json = {{"name", row.name},     {"in_place", row.in_place},
                                 {"module", row.module}, {"source", row.source},
                                 {"rule", row.rule},     {"outputs", nlohmann::json::array()}};
  for (const ExplainedTensor& output : row.outputs) json["outputs"].push_back(json_of(output));
  return json;
}

nlohmann::ordered_json json_of(const ExplainedParameter& parameter) {
  nlohmann::ordered_json json = {
      {"name", parameter.name}, {"sizes", parameter.sizes}, {"uses", nlohmann::json::array()}};
  for (const ExplainedUse& use : parameter.uses) {
    json["uses"].push_back({{"operator", use.operator_name},
                            {"argument", use.argument},
                            {"form", use.form},
                            {"rule", use.rule},
                            {"strategy", use.strategy},
                            {"held_bytes", use.held_bytes},
                            {"seconds", use.seconds}});
  }
  return json;
}

}  // namespace

const char* verdict_text(Evidence evidence) {
  return kVerdictText[static_cast<size_t>(evidence)];
}

const char* to_string(Evidence evidence) {
  switch (evidence) {
    case Evidence::refused:
      return "refused";
    case Evidence::proven:
      return "proven";
    case Evidence::probed:
      return "probed";
  }
  return "unknown";
}

std::string shape_text(const ExplainedTensor& tensor, int64_t batch) {
  std::vector<std::string> sizes;
  for (size_t d = 0; d < tensor.sizes.size(); ++d) {
    if (!tensor.position || static_cast<size_t>(tensor.position->dim) != d) {
      sizes.push_back(std::to_string(tensor.sizes[d]));
      continue;
    }
    std::string text;
    if (tensor.position->outer != 1) text += fmt::format("{} x ", tensor.position->outer);
    text += fmt::format("{} records", batch);
    if (tensor.position->inner != 1) text += fmt::format(" x {}", tensor.position->inner);
    sizes.push_back(text);
  }
  return fmt::format("{}[{}]", tensor.dtype == "Float" ? "" : tensor.dtype, fmt::join(sizes, ", "));
}

std::string to_text(const Explanation& explanation) {
  std::vector<std::vector<std::string>> rows = {{"operator", "module", "result", "rule"}};
  for (const ExplainedOperator& row : explanation.operators) {
    const std::string where =
        row.source.empty() ? row.module : fmt::format("{}{}{}", row.module, row.module.empty() ? "" : " ", row.source);
    rows.push_back({row.name + (row.in_place ? "_" : ""), where, outputs_text(row, explanation.batch), row.rule});
  }
  std::string text = columns(rows) + "\n";
  rows = {{"parameter", "sizes", "consumed by", "reaches it as", "rule", "strategy"}};
  for (const ExplainedParameter& parameter : explanation.parameters) {
    const std::string sizes = fmt::format("[{}]", fmt::join(parameter.sizes, ", "));
    if (parameter.uses.empty()) rows.push_back({parameter.name, sizes, "nothing"});
    for (size_t u = 0; u < parameter.uses.size(); ++u) {
      const ExplainedUse& use = parameter.uses[u];
      rows.push_back({u == 0 ? parameter.name : "", u == 0 ? sizes : "",
                      fmt::format("{} (argument {})", use.operator_name, use.argument), use.form, use.rule,
                      use.strategy});
    }
  }
  text += columns(rows) + "\n";
  for (const std::string& problem : explanation.problems) text += "problem: " + problem + "\n";
  for (const std::string& note : explanation.notes) text += "note: " + note + "\n";
  return text + verdict_text(explanation.verdict) + "\n";
}

std::string strategies_text(const Explanation& explanation) {
  constexpr double kMega = 1e6;
  constexpr double kMilli = 1e3;
  std::vector<std::vector<std::string>> rows = {{"parameter", "consumed by", "strategy", "holds MB", "costs ms"}};
  int64_t bytes = 0;
  double seconds = 0.0;
  for (const ExplainedParameter& parameter : explanation.parameters) {
    for (const ExplainedUse& use : parameter.uses) {
      rows.push_back({parameter.name, use.operator_name, use.strategy,
                      fmt::format("{:.2f}", static_cast<double>(use.held_bytes) / kMega),
                      fmt::format("{:.2f}", use.seconds * kMilli)});
      bytes += use.held_bytes;
      seconds += use.seconds;
    }
  }
  rows.push_back({"all", "", "", fmt::format("{:.2f}", static_cast<double>(bytes) / kMega),
                  fmt::format("{:.2f}", seconds * kMilli)});
  return columns(rows) +
         fmt::format("\n{} records; what the forward pass leaves behind and what is held may take {:.1f} MB\n",
                     explanation.batch, static_cast<double>(explanation.memory_bytes) / kMega);
}

std::string to_json(const Explanation& explanation) {
  nlohmann::ordered_json json = {{"batch", explanation.batch},
                                 {"memory_bytes", explanation.memory_bytes},
                                 {"verdict", to_string(explanation.verdict)},
                                 {"accepted", explanation.accepted()},
                                 {"problems", explanation.problems},
                                 {"notes", explanation.notes},
                                 {"parameters", nlohmann::json::array()},
                                 {"operators", nlohmann::json::array()}};
  for (const ExplainedParameter& parameter : explanation.parameters) json["parameters"].push_back(json_of(parameter));
  for (const ExplainedOperator& row : explanation.operators) json["operators"].push_back(json_of(row));
  return json.dump(2);
}

}  // namespace sotto::optim

#include <fmt/format.h>
#include <sotto/benchmarks/account_questions.h>
#include <sotto/benchmarks/timing.h>
#include <sotto/privacy/error.h>
#include <sotto/tools/numbers.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <string_view>

namespace sotto::benchmarks {
namespace {

using privacy::Bracket;
using privacy::Method;

std::vector<std::string> split(std::string_view text, char separator) {
  std::vector<std::string> parts(1);
  for (const char c : text) {
    if (c == separator)
      parts.emplace_back();
    else
      parts.back() += c;
  }
  return parts;
}

AccountQuestion question(const std::map<std::string, std::string>& row) {
  const auto field = [&](const char* column) -> const std::string& {
    const auto found = row.find(column);
    if (found == row.end()) throw UsageError(fmt::format("column {} is missing", column));
    return found->second;
  };
  const std::vector<std::string> rates = split(field("q"), '/'), noises = split(field("sigma"), '/'),
                                 counts = split(field("T"), '/');
  if (rates.size() != noises.size() || rates.size() != counts.size())
    throw UsageError("q, sigma and T have not the same number of phases");
  privacy::Composed phases;
  for (size_t i = 0; i < rates.size(); ++i)
    phases.events.emplace_back(privacy::SelfComposed(
        privacy::PoissonSampled{tools::parse_real("q", rates[i]), {tools::parse_real("sigma", noises[i])}},
        tools::parse_integer("T", counts[i])));
  const double delta =
      tools::parse_real("delta", field("delta"));  // g++ 12 cleans up after a throw inside braces twice
  return {.label = field("label"),
          .events = {.adjacency = privacy::Adjacency::add_remove, .unit = {}, .event = std::move(phases)},
          .delta = delta};
}

nlohmann::ordered_json number(double value) {
  return std::isinf(value) ? nlohmann::ordered_json("inf") : nlohmann::ordered_json(value);
}

}  // namespace

std::vector<AccountQuestion> read_account_questions(const std::string& path) {
  std::ifstream file(path);
  if (!file) throw UsageError(fmt::format("[--questions] cannot read {}", path));
  std::vector<AccountQuestion> questions;
  std::vector<std::string> header;
  int line_number = 0;
  for (std::string line; std::getline(file, line);) {
    ++line_number;
    if (line.empty() || line[0] == '#') continue;
    const std::vector<std::string> fields = split(line, ',');
    if (header.empty()) {
      header = fields;
      continue;
    }
    try {
      if (fields.size() != header.size())
        throw UsageError(fmt::format("{} fields, the header has {}", fields.size(), header.size()));
      std::map<std::string, std::string> row;
      for (size_t i = 0; i < header.size(); ++i) row[header[i]] = fields[i];
      questions.push_back(question(row));
    } catch (const UsageError& error) {
      throw UsageError(fmt::format("[--questions] {}:{}: {}", path, line_number, error.what()));
    }
  }
  if (questions.empty()) throw UsageError(fmt::format("[--questions] {} holds no question", path));
  return questions;
}

std::string answers_as_json(const std::vector<AccountQuestion>& questions, double width, int largest_runs) {
  const privacy::Precision precision{.absolute = width, .relative = width};
  nlohmann::ordered_json answers = nlohmann::ordered_json::array();
  const auto answer = [&](const AccountQuestion& asked, std::string_view method, const auto& compute) {
    nlohmann::ordered_json object = {{"label", asked.label}, {"method", method}};
    try {
      Bracket bracket;
      const Timing timing = time_runs([&] { bracket = compute(); }, largest_runs);
      object["lower"] = number(bracket.lower);
      object["upper"] = number(bracket.upper);
      object["seconds"] = timing.median_seconds;
      object["runs"] = timing.runs;
    } catch (const Error& error) {
      object["error"] = error.what();
    }
    answers.push_back(std::move(object));
  };
  for (const AccountQuestion& asked : questions) {
    answer(asked, "certified",
           [&] { return privacy::certified_epsilon(asked.events, asked.delta, precision).bracket; });
    for (const Method method : {Method::pld, Method::contour, Method::rdp})
      answer(asked, to_string(method),
             [&] { return make_accountant(method, asked.events, precision)->epsilon(asked.delta); });
  }
  return nlohmann::ordered_json{{"answers", std::move(answers)}}.dump(2) + "\n";
}

}  // namespace sotto::benchmarks

#include <fmt/format.h>
#include <fmt/ostream.h>
#include <sotto/privacy/error.h>
#include <sotto/privacy/grouped_events.h>
#include <sotto/privacy/rdp.h>
#include <sotto/privacy/rdp_accountant.h>
#include <sotto/tools/account_rdp.h>
#include <sotto/tools/account_statement.h>
#include <sotto/tools/account_values.h>
#include <sotto/tools/json_number.h>
#include <sotto/tools/numbers.h>

#include <ostream>

namespace sotto::tools {
namespace {

using privacy::Adjacency;
using privacy::Direction;

// Where both directions have their own value; the others have one bound for both.
bool has_directions(const AccountQuestion& question) {
  const Sampler sampler = question.sampling.sampler;
  return question.adjacency != Adjacency::replace_one && question.unit.size == 1 &&
         (sampler == Sampler::poisson || sampler == Sampler::full);
}

std::string rdp_statement(const AccountQuestion& question) {
  return fmt::format(
      "{}, when {}: Renyi divergences in nats, {}; UNPROVEN because this command sees no data: the sampler and the "
      "clipping.",
      describe_releases(question, fmt::format("{}", question.noise_multiplier.value())), describe_neighbours(question),
      has_directions(question) ? "exact to a relative 1e-11" : "upper bounds that hold in both directions");
}

}  // namespace

std::vector<double> read_orders(std::string_view text) {
  std::vector<double> orders;
  for (size_t start = 0; start <= text.size();) {
    const size_t stop = std::min(text.find(',', start), text.size());
    orders.push_back(order_value("--order", text.substr(start, stop - start)));
    start = stop + 1;
  }
  return orders;
}

std::vector<RdpRow> rdp_rows(const AccountQuestion& question, const std::vector<double>& orders) {
  std::vector<RdpRow> rows;
  if (has_directions(question)) {
    const double steps = static_cast<double>(question.sampling.count().value());
    const double rate = question.sampling.rate.value(), noise = question.noise_multiplier.value();
    const auto sum = [&](double order, Direction direction) {
      return steps == 0 ? 0 : steps * privacy::subsampled_gaussian_rdp(rate, noise, order, direction);
    };
    for (const double order : orders)
      rows.push_back({.order = order, .remove = sum(order, Direction::remove), .add = sum(order, Direction::add)});
    return rows;
  }
  check_method(question);
  if (const auto reason = why_unsupported(privacy::Method::rdp, question.accounted()))
    throw UsageError(
        fmt::format("[--sampler] {} under --adjacency {} has no Renyi curve: {}; `sotto account epsilon` "
                    "has other methods",
                    to_string(question.sampling.sampler), to_string(question.adjacency), *reason));
  const privacy::RdpAccountant accountant(question.adjacency, for_unit(question.accounted()));
  for (const double order : orders) {
    const double bound = accountant.rdp(order);
    rows.push_back({.order = order, .remove = bound, .add = bound});
  }
  return rows;
}

void print_rdp(const AccountQuestion& question, const std::vector<RdpRow>& rows, RdpFormat format, std::ostream& out) {
  if (format == RdpFormat::csv) {
    fmt::print(out, "# {}\norder,rdp_remove,rdp_add\n", rdp_statement(question));
    for (const RdpRow& row : rows) fmt::print(out, "{},{},{}\n", row.order, row.remove, row.add);
    return;
  }
  if (format == RdpFormat::json) {
    nlohmann::ordered_json object;
    const auto column = [&](const char* name, double RdpRow::*member) {
      if (rows.size() == 1) {
        object[name] = json_number(rows.front().*member);
        return;
      }
      for (const RdpRow& row : rows) object[name].push_back(json_number(row.*member));
    };
    column("order", &RdpRow::order);
    column("rdp_remove", &RdpRow::remove);
    column("rdp_add", &RdpRow::add);
    object["noise_multiplier"] = json_value(question.noise_multiplier);
    object["steps"] = json_value(question.sampling.steps);
    object["sampling_rate"] = json_value(question.sampling.rate);
    object["sampler"] = to_string(question.sampling.sampler);
    object["adjacency"] = to_string(question.adjacency);
    object["unit"] = to_string(question.unit);
    object["method"] = "rdp";
    object["statement"] = rdp_statement(question);
    out << object.dump(2) << '\n';
    return;
  }
  fmt::print(out, "{:<16}{:<16}{}\n", "order", "rdp remove", "rdp add");
  const auto shown = [&](double value) {
    return format_rounded_up(value * (1 + privacy::kRdpRelativeMargin), question.shown_digits);
  };
  for (const RdpRow& row : rows) fmt::print(out, "{:<16}{:<16}{}\n", row.order, shown(row.remove), shown(row.add));
  fmt::print(out, "adjacency       {}\n{}\n", to_string(question.adjacency), rdp_statement(question));
}

}  // namespace sotto::tools

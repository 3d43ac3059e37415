#include <fmt/format.h>
#include <sotto/privacy/error.h>
#include <sotto/tools/account_curve.h>
#include <sotto/tools/account_engines.h>
#include <sotto/tools/plot.h>

#include <algorithm>
#include <cmath>
#include <memory>
#include <numbers>
#include <optional>

namespace sotto::tools {
namespace {

using privacy::Bracket;
using privacy::Method;

// The engines of a question in the order in which they are asked; an engine that refuses one point may answer the next.
class Engines {
 public:
  explicit Engines(const AccountQuestion& question) : certified_(!question.method) {
    check_method(question);
    const privacy::AccountedEvents events = question.accounted();
    for (const Method method : question.method ? std::vector{*question.method} : bracket_methods(events))
      engines_.push_back({make_accountant(method, events, question.precision), false});
  }

  Bracket epsilon(double delta) {
    return first([&](const privacy::Accountant& accountant) { return accountant.epsilon(delta); });
  }
  Bracket delta(double epsilon) {
    return first([&](const privacy::Accountant& accountant) { return accountant.delta(epsilon); });
  }

  std::string used() const {
    std::string names;
    for (const Engine& engine : engines_)
      if (engine.used)
        names += fmt::format("{}{}", names.empty() ? "" : ", ", method_name(engine.accountant->method()));
    return certified_ ? fmt::format("certified ({})", names) : names;
  }

 private:
  struct Engine {
    std::unique_ptr<privacy::Accountant> accountant;
    bool used;
  };

  template <typename Query>
  Bracket first(const Query& query) {
    for (Engine& engine : engines_) {
      try {
        const Bracket bracket = query(*engine.accountant);
        engine.used = true;
        return bracket;
      } catch (const UsageError& error) {
        if (&engine == &engines_.back())
          throw UsageError(fmt::format("[--method] {} has no answer here: {}", to_string(engine.accountant->method()),
                                       error.what()));
      }
    }
    throw InternalError("[curve] no engine for these events");
  }

  bool certified_;
  std::vector<Engine> engines_;
};

// delta falls in epsilon, so every point bounds its neighbours.
void make_monotone(std::vector<ProfilePoint>& profile) {
  for (size_t i = 1; i < profile.size(); ++i)
    profile[i].delta.upper = std::min(profile[i].delta.upper, profile[i - 1].delta.upper);
  for (size_t i = profile.size() - 1; i > 0; --i)
    profile[i - 1].delta.lower = std::max(profile[i - 1].delta.lower, profile[i].delta.lower);
}

}  // namespace

double type_two_error(const std::vector<ProfilePoint>& profile, double type_one_error) {
  double error = 0;
  for (const ProfilePoint& point : profile)
    error = std::max({error, 1 - point.delta.upper - std::exp(point.epsilon) * type_one_error,
                      std::exp(-point.epsilon) * (1 - point.delta.upper - type_one_error)});
  return error;
}

PrivacyCurve privacy_curve(const AccountQuestion& question, int points) {
  Engines engines(question);
  const double end = engines.epsilon(question.delta.value()).upper;
  if (!std::isfinite(end))
    throw UsageError(
        fmt::format("[--delta] {} has no finite epsilon for these releases, so there is no curve to draw; "
                    "allowed are values that some epsilon meets",
                    *question.delta));
  PrivacyCurve curve;
  const double last = end > 0 ? end : 1;
  for (int i = 0; i < points; ++i) {
    const double epsilon = last * i / (points - 1);
    curve.profile.push_back({epsilon, engines.delta(epsilon)});
  }
  make_monotone(curve.profile);
  const int errors = 2 * points;
  for (int i = 0; i <= errors; ++i) {
    const double sine = std::sin(std::numbers::pi / 2 * i / errors);  // closer together at both ends
    const double type_one = i == errors ? 1 : sine * sine;
    curve.trade_off.push_back({type_one, type_two_error(curve.profile, type_one)});
  }
  curve.method = engines.used();
  return curve;
}

std::string curve_csv(const PrivacyCurve& curve, const std::string& heading) {
  std::string text = fmt::format(
      "# {}\n# method {}; type_two_error is a lower bound\n"
      "curve,epsilon,delta_lower,delta_upper,type_one_error,type_two_error\n",
      heading, curve.method);
  for (const ProfilePoint& point : curve.profile)
    text += fmt::format("epsilon-delta,{},{},{},,\n", point.epsilon, point.delta.lower, point.delta.upper);
  for (const TradeOffPoint& point : curve.trade_off)
    text += fmt::format("trade-off,,,,{},{}\n", point.type_one_error, point.type_two_error);
  return text;
}

std::string curve_svg(const PrivacyCurve& curve, const std::string& heading) {
  PlotLine upper{.name = "delta, upper end", .style = PlotLine::Style::solid};
  PlotLine lower{.name = "delta, lower end", .style = PlotLine::Style::dashed};
  for (const ProfilePoint& point : curve.profile) {
    upper.points.push_back({point.epsilon, point.delta.upper});
    lower.points.push_back({point.epsilon, point.delta.lower});
  }
  PlotLine error{.name = "least type II error", .style = PlotLine::Style::solid};
  for (const TradeOffPoint& point : curve.trade_off)
    error.points.push_back({point.type_one_error, point.type_two_error});
  const PlotLine blind{.name = "guessing blindly", .style = PlotLine::Style::dotted, .points = {{0, 1}, {1, 0}}};
  return draw_plots({{.title = "Privacy profile",
                      .x_label = "epsilon",
                      .y_label = "delta",
                      .logarithmic_y = true,
                      .lines = {upper, lower}},
                     {.title = "Trade-off of an attacker's errors",
                      .x_label = "type I error",
                      .y_label = "type II error",
                      .lines = {error, blind}}},
                    {heading, "Method: " + curve.method + "."});
}

}  // namespace sotto::tools

#include <fmt/format.h>
#include <sotto/privacy/accountant.h>
#include <sotto/privacy/analytic_gaussian.h>
#include <sotto/privacy/budget.h>
#include <sotto/privacy/contour_accountant.h>
#include <sotto/privacy/error.h>
#include <sotto/privacy/grouped_events.h>
#include <sotto/privacy/merged_events.h>
#include <sotto/privacy/pld_accountant.h>
#include <sotto/privacy/rdp_accountant.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <functional>
#include <limits>
#include <utility>

namespace sotto::privacy {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr std::size_t kRoughPoints = std::size_t{1} << 18;  // of a transform that only confirms
// Expected draws of one record from which on the contour integral is faster than the PLD, and usually narrower.
constexpr double kManyInclusions = 30, kSomeInclusions = 1;

void validate_point(double epsilon) {
  if (!(epsilon >= 0 && std::isfinite(epsilon)))
    throw UsageError(fmt::format("[Accountant] bad epsilon: {}; allowed is a finite number >= 0", epsilon));
}

// An engine that gives brackets itself.
template <class Engine, Method kMethod>
class BracketMethod : public Accountant {
 public:
  template <class... Arguments>
  explicit BracketMethod(const Arguments&... arguments) : accountant_(arguments...) {}
  Method method() const override { return kMethod; }
  Bracket epsilon(double delta) const override { return accountant_.epsilon(delta); }
  Bracket delta(double epsilon) const override { return accountant_.delta(epsilon); }

 private:
  Engine accountant_;
};
using ContourMethod = BracketMethod<ContourAccountant, Method::contour>;
using PldMethod = BracketMethod<PldAccountant, Method::pld>;

class RdpMethod : public Accountant {
 public:
  RdpMethod(Adjacency adjacency, const MergedEvents& events) : accountant_(adjacency, events) {}
  Method method() const override { return Method::rdp; }
  Bracket epsilon(double delta) const override { return {0, accountant_.epsilon(delta)}; }
  Bracket delta(double epsilon) const override { return {0, accountant_.delta(epsilon)}; }

 private:
  RdpAccountant accountant_;
};

// The closed form is off by about 1e-13 of itself, with mu and epsilon; both ends are moved by more than that.
class GaussianMethod : public Accountant {
 public:
  explicit GaussianMethod(double squared_mean) : mu_(std::sqrt(squared_mean)) {}
  Method method() const override { return Method::gaussian; }
  Bracket epsilon(double delta) const override {
    if (delta != 0) validate_delta(delta);
    if (mu_ == 0) return {0, 0};
    if (delta == 0 || !std::isfinite(mu_)) return {kInfinity, kInfinity};
    const double upper = gaussian_epsilon(mu_ * (1 + kMargin), delta * (1 - kMargin));
    const double lower = gaussian_epsilon(mu_ * (1 - kMargin), std::min(delta * (1 + kMargin), kLargestDelta));
    return {lower * (1 - kMargin), upper * (1 + kMargin)};
  }
  Bracket delta(double epsilon) const override {
    validate_point(epsilon);
    if (mu_ == 0) return {0, 0};
    if (!std::isfinite(mu_)) return {1, 1};
    const double lower = gaussian_delta(mu_ * (1 - kMargin), epsilon) * (1 - kMargin);
    return {lower < kSmallest ? 0 : lower,
            std::clamp(gaussian_delta(mu_ * (1 + kMargin), epsilon) * (1 + kMargin), kSmallest, 1.0)};
  }

 private:
  static constexpr double kMargin = 1e-11;
  static constexpr double kSmallest = std::numeric_limits<double>::min();  // less has no digits
  static constexpr double kLargestDelta = 1 - std::numeric_limits<double>::epsilon();
  double mu_;
};

}  // namespace

std::string_view to_string(Method method) {
  switch (method) {
    case Method::pld:
      return "pld";
    case Method::contour:
      return "contour";
    case Method::gaussian:
      return "gaussian";
    case Method::rdp:
      return "rdp";
  }
  throw UsageError(fmt::format("[to_string] not a method: {}", static_cast<int>(method)));
}

Method parse_method(std::string_view text) {
  for (const Method method : kMethods)
    if (text == to_string(method)) return method;
  throw UsageError(
      fmt::format("[parse_method] unknown method: '{}'; allowed are pld, contour, gaussian and rdp", text));
}

namespace {

// The events of one record, checked.
struct Question {
  Adjacency adjacency;
  Event event;
  MergedEvents merged;
};

Question checked(const AccountedEvents& events) {
  if (!events.adjacency)
    throw UsageError("[Accountant] adjacency is not set; allowed are add_remove, zero_out and replace_one");
  validate(events.unit);
  Event event = for_unit(events);
  MergedEvents merged = merge(*events.adjacency, event);
  return {*events.adjacency, std::move(event), std::move(merged)};
}

std::optional<std::string> why_unsupported(Method method, const Question& question) {
  const MergedEvents& merged = question.merged;
  const bool only_poisson = std::all_of(merged.terms.begin(), merged.terms.end(), [](const MergedEvents::Term& term) {
    return std::holds_alternative<PoissonSampled>(term.event);
  });
  switch (method) {
    case Method::pld:
      return PldAccountant::why_unsupported(merged);
    case Method::gaussian:
      if (!merged.terms.empty() || merged.non_private) return "not all releases are Gaussian and without sampling";
      return std::nullopt;
    case Method::contour:
      if (merged.non_private) return "something was released without noise";
      if (!ContourAccountant::supports(question.adjacency)) return "the adjacency is replace-one";
      if (!only_poisson) return "not all releases are Gaussian with Poisson sampling or without any";
      for (const MergedEvents::Term& term : merged.terms) {
        const double noise = std::get<PoissonSampled>(term.event).mechanism.noise_multiplier;
        if (noise < kSmallestQuadratureNoise)
          return fmt::format("noise multiplier {} is below {}", noise, kSmallestQuadratureNoise);
      }
      return std::nullopt;
    case Method::rdp:
      return RdpAccountant::why_unsupported(question.adjacency, merged);
  }
  throw UsageError(fmt::format("[Accountant] not a method: {}", static_cast<int>(method)));
}

std::unique_ptr<Accountant> make_accountant(Method method, const Question& question, const Precision& precision) {
  if (const auto reason = why_unsupported(method, question)) {
    std::string others;
    for (const Method other : kMethods)
      if (!why_unsupported(other, question))
        others += fmt::format("{}{}", others.empty() ? "" : ", ", to_string(other));
    throw UsageError(fmt::format("[Accountant] method {} cannot account for this: {}; allowed here: {}",
                                 to_string(method), *reason, others.empty() ? "no method" : others));
  }
  switch (method) {
    case Method::pld:
      return std::make_unique<PldMethod>(question.adjacency, question.merged, precision);
    case Method::gaussian:
      return std::make_unique<GaussianMethod>(question.merged.squared_gaussian_mean);
    case Method::contour:
      return std::make_unique<ContourMethod>(question.adjacency, question.event);
    case Method::rdp:
      return std::make_unique<RdpMethod>(question.adjacency, question.merged);
  }
  throw UsageError(fmt::format("[Accountant] not a method: {}", static_cast<int>(method)));
}

[[noreturn]] void refuse_all(const Question& question) {
  std::string reasons;
  for (const Method method : {Method::pld, Method::rdp})
    reasons += fmt::format("{}{}: {}", reasons.empty() ? "" : "; ", to_string(method),
                           why_unsupported(method, question).value_or("no bracket"));
  throw UsageError(fmt::format(
      "[Accountant] no method can account for this together ({}); allowed are releases that one method supports all of",
      reasons));
}

// What one engine says, or nothing where it cannot certify a bracket, or take the releases at all.
template <class Ask>
std::optional<Bracket> answer(const Ask& ask) {
  try {
    const Bracket found = ask();
    SOTTO_ASSERT(found.lower >= 0 && found.lower <= found.upper);
    return found;
  } catch (const UsageError&) {
    return std::nullopt;
  }
}

bool narrow_enough(const Bracket& bracket, const Precision& precision) {
  return bracket.width() <= std::min(precision.absolute, precision.relative * bracket.upper);
}

// How often one record is expected to be drawn.
double expected_inclusions(const MergedEvents& events) {
  double sum = 0;
  for (const MergedEvents::Term& term : events.terms)
    if (const auto* const sampled = std::get_if<PoissonSampled>(&term.event))
      sum += term.count * sampled->sampling_rate;
  return sum;
}

// The contour integral where it is fast, then the PLD: at the precision asked for, or at less where it only confirms.
// The contour integral elsewhere too where that was not enough.
template <class Query>
CertifiedBracket certified(const AccountedEvents& events, const Precision& precision, const Query& query) {
  constexpr double kRough = 20;
  const Question question = checked(events);
  if (!why_unsupported(Method::gaussian, question))
    return {query(*make_accountant(Method::gaussian, question, precision)), Method::gaussian, {Method::gaussian}};
  std::optional<CertifiedBracket> best;
  const auto put = [&](Method method, const std::optional<Bracket>& found) {
    if (found) best = best ? combine(*best, method, *found) : CertifiedBracket{*found, method, {method}};
  };
  const auto enough = [&] { return best && narrow_enough(best->bracket, precision); };
  const auto ask_contour = [&] {
    put(Method::contour, answer([&] { return query(ContourMethod(question.adjacency, question.event)); }));
  };
  const bool contour = !why_unsupported(Method::contour, question);
  const bool fast = contour && expected_inclusions(question.merged) >= kManyInclusions;
  if (fast) ask_contour();
  const bool confirm = enough();
  std::optional<PldMethod> pld;
  if (!why_unsupported(Method::pld, question)) {
    pld.emplace(question.adjacency, question.merged,
                confirm ? Precision{kRough * precision.absolute, kRough * precision.relative} : precision,
                confirm ? kRoughPoints : PldAccountant::kMostPoints);
    put(Method::pld, answer([&] { return query(*pld); }));
  }
  if (contour && !fast && !enough()) ask_contour();
  std::unique_ptr<Accountant> rdp;
  if (!why_unsupported(Method::rdp, question)) {
    rdp = make_accountant(Method::rdp, question, precision);
    put(Method::rdp, answer([&] { return query(*rdp); }));
  }
  if (best) return *best;
  // These say why.
  if (pld) return {query(*pld), Method::pld, {Method::pld}};
  if (rdp) return {query(*rdp), Method::rdp, {Method::rdp}};
  refuse_all(question);
}

}  // namespace

CertifiedBracket combine(const CertifiedBracket& best, Method method, const Bracket& found) {
  if (found.lower > best.bracket.upper || best.bracket.lower > found.upper)
    throw InternalError(fmt::format(
        "[Accountant] two engines contradict each other: {} says [{}, {}], {} says [{}, {}]; this is a bug in "
        "sotto, please report it",
        to_string(best.method), best.bracket.lower, best.bracket.upper, to_string(method), found.lower, found.upper));
  CertifiedBracket both{{std::max(found.lower, best.bracket.lower), std::min(found.upper, best.bracket.upper)},
                        found.upper < best.bracket.upper ? method : best.method,
                        best.methods};
  both.methods.push_back(method);
  return both;
}

std::unique_ptr<Accountant> make_accountant(Method method, const AccountedEvents& events, const Precision& precision) {
  return make_accountant(method, checked(events), precision);
}

std::optional<std::string> why_unsupported(Method method, const AccountedEvents& events) {
  return why_unsupported(method, checked(events));
}

std::vector<Method> bracket_methods(const AccountedEvents& events) {
  const Question question = checked(events);
  const auto order = expected_inclusions(question.merged) >= kSomeInclusions
                         ? std::array{Method::gaussian, Method::contour, Method::pld}
                         : std::array{Method::gaussian, Method::pld, Method::contour};
  std::vector<Method> able;
  for (const Method method : order)
    if (!why_unsupported(method, question)) able.push_back(method);
  if (able.empty() && !why_unsupported(Method::rdp, question)) able.push_back(Method::rdp);
  if (able.empty()) refuse_all(question);
  return able;
}

CertifiedBracket certified_epsilon(const AccountedEvents& events, double delta, const Precision& precision) {
  return certified(events, precision, [&](const Accountant& accountant) { return accountant.epsilon(delta); });
}

CertifiedBracket certified_delta(const AccountedEvents& events, double epsilon, const Precision& precision) {
  return certified(events, precision, [&](const Accountant& accountant) { return accountant.delta(epsilon); });
}

}  // namespace sotto::privacy

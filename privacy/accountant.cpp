#include <fmt/format.h>
#include <sotto/privacy/accountant.h>
#include <sotto/privacy/analytic_gaussian.h>
#include <sotto/privacy/budget.h>
#include <sotto/privacy/contour_accountant.h>
#include <sotto/privacy/error.h>
#include <sotto/privacy/merged_events.h>
#include <sotto/privacy/rdp_accountant.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <functional>
#include <limits>

namespace sotto::privacy {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

void validate_point(double epsilon) {
  if (!(epsilon >= 0 && std::isfinite(epsilon)))
    throw UsageError(fmt::format("[Accountant] bad epsilon: {}; allowed is a finite number >= 0", epsilon));
}

class ContourMethod : public Accountant {
 public:
  ContourMethod(Adjacency adjacency, const Event& event) : accountant_(adjacency, event) {}
  Method method() const override { return Method::contour; }
  Bracket epsilon(double delta) const override { return accountant_.epsilon(delta); }
  Bracket delta(double epsilon) const override { return accountant_.delta(epsilon); }

 private:
  ContourAccountant accountant_;
};

class RdpMethod : public Accountant {
 public:
  RdpMethod(Adjacency adjacency, const Event& event) : accountant_(adjacency, event) {}
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
    return {gaussian_delta(mu_ * (1 - kMargin), epsilon) * (1 - kMargin),
            std::min(1.0, gaussian_delta(mu_ * (1 + kMargin), epsilon) * (1 + kMargin))};
  }

 private:
  static constexpr double kMargin = 1e-11;
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

}  // namespace sotto::privacy

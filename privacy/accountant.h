#pragma once
// The accountants behind one interface, and the certified answer that is taken from all of them together.
//
//   method    what it is                                           its brackets
//   pld       discretised privacy losses, composed by FFT          both ends certified; all but discrete Gaussian noise
//   contour   contour integral of the loss's moments               both ends certified; Poisson and plain Gaussian
//   gaussian  the exact Gaussian mechanism                         both ends certified; plain Gaussian
//   rdp       Renyi divergences                                    upper end certified, lower end 0
//
// Every upper end is a bound on the true loss of the events under the adjacency and the unit, floating point included;
// every lower end is one on the loss of the worst pair that the engine composes.

#include <sotto/privacy/bracket.h>
#include <sotto/privacy/event.h>
#include <sotto/privacy/precision.h>

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace sotto::privacy {

enum class Method { pld, contour, gaussian, rdp };
inline constexpr Method kMethods[] = {Method::pld, Method::contour, Method::gaussian, Method::rdp};

// "pld", "contour", "gaussian", "rdp".
std::string_view to_string(Method method);
// Inverse of to_string. Throws UsageError naming the text got and those that are allowed.
Method parse_method(std::string_view text);

// What is accounted: never one without the others.
struct AccountedEvents {
  std::optional<Adjacency> adjacency;  // mandatory
  PrivacyUnit unit;
  Event event = NoOp{};
};

class Accountant {
 public:
  virtual ~Accountant() = default;

  virtual Method method() const = 0;
  // 0 <= delta < 1; delta = 0 gives infinity unless nothing, or only pure releases, were made. Throws UsageError where
  // no bracket can be certified.
  virtual Bracket epsilon(double delta) const = 0;
  // finite epsilon >= 0.
  virtual Bracket delta(double epsilon) const = 0;
};

// Throws UsageError when the events are invalid, mean nothing under their adjacency, or the method does not support
// them; the message says which methods do.
std::unique_ptr<Accountant> make_accountant(Method method, const AccountedEvents& events,
                                            const Precision& precision = {});
// Why `method` cannot account for these events; nothing when it can. Invalid events throw UsageError.
std::optional<std::string> why_unsupported(Method method, const AccountedEvents& events);
// The methods with brackets from both sides that can account for the events, the one that is usually narrower first:
// where a record is expected to be drawn at least once the contour integral, elsewhere the PLD. RDP alone, whose lower
// end is 0, where there is no such method; UsageError where no method at all can account for the events.
std::vector<Method> bracket_methods(const AccountedEvents& events);

// The common part of the brackets of all engines that support the events and can certify one; where RDP is the only
// one, its upper end and 0. Brackets without a common
// part are an InternalError that names both: one of the engines is wrong, and no number is returned.
struct CertifiedBracket {
  Bracket bracket;
  Method method;                // the engine whose upper end it is
  std::vector<Method> methods;  // all whose brackets were put together
};
CertifiedBracket certified_epsilon(const AccountedEvents& events, double delta, const Precision& precision = {});
CertifiedBracket certified_delta(const AccountedEvents& events, double epsilon, const Precision& precision = {});

// What `best` and another engine's bracket of the same number have in common; the InternalError of a contradiction is
// thrown here.
CertifiedBracket combine(const CertifiedBracket& best, Method method, const Bracket& found);

}  // namespace sotto::privacy

#pragma once
// What `sotto account` was asked, checked: the releases, the neighbours, the method. Nothing here computes.

#include <sotto/privacy/accountant.h>
#include <sotto/tools/account_sampling.h>

#include <optional>
#include <string>
#include <vector>

namespace sotto::tools {

// Releases that were described by a file or by phases, instead of by sampler, noise and steps.
struct ListedReleases {
  privacy::Event event;
  std::string description;  // "The releases in runs/events.json"
};

struct AccountQuestion {
  privacy::Adjacency adjacency = privacy::Adjacency::add_remove;
  privacy::PrivacyUnit unit;
  std::optional<privacy::Method> method;  // unset: the certified answer of all engines
  privacy::Precision precision;
  int shown_digits = 6;  // enough to tell the ends of a bracket of that width apart

  // One of the two.
  std::optional<ListedReleases> listed;
  Sampling sampling;

  std::optional<double> noise_multiplier;
  std::optional<double> epsilon, delta;

  // The releases of the whole run. sampling and noise must be complete.
  privacy::AccountedEvents accounted() const;
};

// Reads all but epsilon and delta. Throws UsageError naming the flag.
AccountQuestion read_question(const AccountFlags& flags, Unknown unknown);

// Throws UsageError "[--method] ..." that names the methods which can when the one chosen cannot account for the
// events, and "[--unit] ..." when no bound is offered for the group.
void check_method(const AccountQuestion& question);

// Sentences for the user about guarantees that are allowed and doubtful.
std::vector<std::string> warnings(const AccountQuestion& question, double epsilon, double delta);

}  // namespace sotto::tools

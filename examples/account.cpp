// The privacy of a run of DP-SGD, from C++: a certified bracket of epsilon, the engines behind it side by side, and
// what a run of several kinds of releases costs. Needs sotto::privacy alone, no LibTorch.
//
//   account

#include <sotto/privacy/accountant.h>
#include <sotto/privacy/error.h>

#include <cstdio>

namespace privacy = sotto::privacy;

int main() try {
  const double delta = 1e-5;
  const privacy::PoissonSampled step{.sampling_rate = 0.01, .mechanism = {.noise_multiplier = 1}};
  const privacy::AccountedEvents run{.adjacency = privacy::Adjacency::add_remove,
                                     .unit = {},  // one record
                                     .event = privacy::SelfComposed(step, 1000)};

  const auto certified = privacy::certified_epsilon(run, delta);
  // The guarantee is the upper end: never round it down.
  std::printf("epsilon at delta %g lies in [%.17g, %.17g]\n", delta, certified.bracket.lower, certified.bracket.upper);

  for (const privacy::Method method : privacy::kMethods) {
    if (const auto reason = privacy::why_unsupported(method, run)) {
      std::printf("%-8s  cannot: %s\n", privacy::to_string(method).data(), reason->c_str());
      continue;
    }
    const privacy::Bracket bracket = privacy::make_accountant(method, run)->epsilon(delta);
    std::printf("%-8s  [%.17g, %.17g]\n", privacy::to_string(method).data(), bracket.lower, bracket.upper);
  }

  // A count released with Gaussian noise before training is an event like any other.
  const privacy::AccountedEvents more{
      .adjacency = run.adjacency, .unit = run.unit, .event = privacy::Composed{{privacy::Gaussian{10}, run.event}}};
  const auto together = privacy::certified_epsilon(more, delta);
  std::printf("with a noisy count before it: [%.17g, %.17g]\n", together.bracket.lower, together.bracket.upper);
  return 0;
} catch (const sotto::Error& error) {
  std::fprintf(stderr, "%s\n", error.what());
  return static_cast<int>(error.code());
}

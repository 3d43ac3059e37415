#pragma once
// What a mechanism did, in the terms an accountant needs: a tree of noisy releases. Events are plain values; `validate`
// refuses the ones that mean nothing. A quantity left unset is refused, so that forgetting a field is an error and
// never a default. Which pairs of data sets they are judged on is said beside them (adjacency.h).
//
// Noise multipliers are relative to the clip norm C, the largest norm of one record's contribution, under every
// adjacency; that replace-one moves a sum by 2 C is the accountants' business.

#include <sotto/privacy/adjacency.h>

#include <cstdint>
#include <limits>
#include <memory>
#include <optional>
#include <utility>
#include <variant>
#include <vector>

namespace sotto::privacy {

// Largest step count: integers up to 2^53 are exact in a double.
inline constexpr int64_t kMaxCount = int64_t{1} << 53;
inline constexpr double kUnset = std::numeric_limits<double>::quiet_NaN();

// Nothing was released.
struct NoOp {};

// Something was released without a guarantee: epsilon is infinite.
struct NonPrivate {};

// A sum of contributions of norm at most C, released with normal noise of standard deviation noise_multiplier * C in
// every coordinate. noise_multiplier: finite, >= 0; 0 is accepted and accounted as epsilon = infinity.
struct Gaussian {
  double noise_multiplier = kUnset;
};

struct StepEvent;

// `mechanism` applied to a batch that every record enters independently with probability sampling_rate, in [0, 1].
struct PoissonSampled {
  double sampling_rate = kUnset;
  Gaussian mechanism;

  constexpr operator StepEvent() const;  // a step of training with normal noise
};

// `mechanism` applied to batch_size records drawn without replacement out of dataset_size; 1 <= batch_size <=
// dataset_size <= 2^53. Accounted under replace_one only: under the others the number of records changes, and with it
// the sampling.
struct WithoutReplacement {
  int64_t batch_size = -1;
  int64_t dataset_size = -1;
  Gaussian mechanism;
};

// Poisson sampling whose batch is cut to largest_batch records, chosen at random, when it comes out larger.
// dataset_size: records of the larger neighbour, 1 .. 2^53; largest_batch >= 1. Accounted under add_remove and
// zero_out, where the null record takes no place in the batch.
struct TruncatedPoisson {
  double sampling_rate = kUnset;
  int64_t dataset_size = -1;
  int64_t largest_batch = -1;
  Gaussian mechanism;
};

// Every record in exactly one batch of each of `epochs` passes (shuffled or in fixed order); 0 .. 2^53 epochs. No
// amplification is claimed: the guarantee is that of `epochs` Gaussian releases. Not available under add_remove, where
// the batches of all other records move with the number of records.
struct EpochOnce {
  int64_t epochs = -1;
  Gaussian mechanism;
};

// A release whose sensitivity is random: sensitivities[i], finite and >= 0, with probabilities[i] > 0, which sum to 1
// within 1e-12; normal noise of standard_deviation, finite and > 0. At least one entry, at most kLargestMixture.
// Dominated by sum_i probabilities[i] N(sensitivities[i], sd^2) against N(0, sd^2) (Choquette-Choo, Ganesh, Steinke,
// Thakurta, Privacy Amplification for Matrix Mechanisms, arXiv:2310.15526).
// add_remove and zero_out.
struct MixtureOfGaussians {
  double standard_deviation = kUnset;
  std::vector<double> sensitivities;
  std::vector<double> probabilities;
};

// A number of sensitivity C released with Laplace noise of scale noise_multiplier * C; finite, >= 0 as for Gaussian.
struct Laplace {
  double noise_multiplier = kUnset;
};

// A release known only to be (epsilon, delta)-private under the adjacency in question. epsilon: finite, >= 0; delta:
// 0 <= delta <= 1.
struct ApproxDp {
  double epsilon = kUnset;
  double delta = kUnset;
};

// The integer vectors of a batch, which every record enters independently with probability sampling_rate, in [0, 1],
// summed exactly, plus independent discrete Gaussian noise N_Z(0, s^2) (discrete_gaussian.h) in every coordinate. A
// record's vector depends on that record alone, and D, the largest norm that one may have, is the clip norm here:
// noise_multiplier = s / D, rounded down where it is no double; finite, >= 0, and 0 as for Gaussian. Accounted by Renyi
// divergences alone: the noise is not isotropic, so no pair in one dimension is known to dominate. All adjacencies
// without sampling (sampling_rate = 1); with it add_remove and zero_out. Canonne, Kamath, Steinke, The Discrete
// Gaussian for Differential Privacy, NeurIPS 2020; the sampled curve is proven in privacy/README.md.
struct SampledDiscreteGaussian {
  double sampling_rate = kUnset;
  double noise_multiplier = kUnset;
};

// A group of kLargestGroup, and nobody of it.
inline constexpr int64_t kLargestMixture = kLargestGroup + 1;

class Event;

// `event` released `count` times, each with fresh sampling and noise. count: 0 .. 2^53.
struct SelfComposed {
  SelfComposed(Event repeated, int64_t times);

  std::shared_ptr<const Event> event;  // never null
  int64_t count;
};

// Releases made one after the other, in any order. Empty: nothing was released.
struct Composed {
  std::vector<Event> events;
};

// The two integers that noise on a lattice is drawn by: D^2 and s^2 of SampledDiscreteGaussian, 1 .. 2^62 each.
struct LatticeNoise {
  std::uint64_t squared_norm = 0;
  std::uint64_t variance = 0;

  friend bool operator==(const LatticeNoise&, const LatticeNoise&) = default;
};

// One step of training: what is released of a Poisson sample. Normal noise, as PoissonSampled says, or noise on a
// lattice, and then SampledDiscreteGaussian. Made of a PoissonSampled or by lattice_step().
struct StepEvent {
  double sampling_rate = kUnset;
  Gaussian mechanism;  // with a lattice, s / D in the place of its noise multiplier: from `lattice`, as lattice_step()
  std::optional<LatticeNoise> lattice = std::nullopt;
};

constexpr PoissonSampled::operator StepEvent() const {
  return {sampling_rate, mechanism, std::nullopt};
}

// The noise multiplier is discrete_noise_multiplier(): s / D, rounded down. Throws UsageError outside the ranges.
StepEvent lattice_step(double sampling_rate, const LatticeNoise& noise);
// Whether both release the same: sampling rate, noise multiplier and, of noise on a lattice, its integers.
bool same_parameters(const StepEvent& a, const StepEvent& b);

// One phase of DP-SGD: the same step `count` times, 0 .. 2^53.
struct Phase {
  StepEvent event;
  int64_t count = -1;
};
// A whole run, in any order. Empty: nothing was released.
using Phases = std::vector<Phase>;

class Event {
 public:
  using Variant =
      std::variant<NoOp, NonPrivate, Gaussian, PoissonSampled, WithoutReplacement, TruncatedPoisson, EpochOnce,
                   MixtureOfGaussians, Laplace, ApproxDp, SampledDiscreteGaussian, SelfComposed, Composed>;

  template <typename Kind, typename = std::enable_if_t<std::is_constructible_v<Variant, Kind> &&
                                                       !std::is_same_v<std::decay_t<Kind>, Event>>>
  Event(Kind&& kind) : variant_(std::forward<Kind>(kind)) {}
  Event(const StepEvent& step);
  Event(const Phases& phases);

  const Variant& variant() const { return variant_; }

 private:
  Variant variant_;
};

// Deepest nesting of SelfComposed and Composed that is accepted.
inline constexpr int kDeepestEvent = 64;

// Throw UsageError when a value lies outside the range stated above.
void validate(const Gaussian& event);
void validate(const PoissonSampled& event);
void validate(const StepEvent& event);
void validate(const Phase& phase);
void validate(const Event& event);

}  // namespace sotto::privacy

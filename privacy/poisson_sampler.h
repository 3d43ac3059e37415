#pragma once
// Poisson sampling: every record enters the batch independently with probability q. The batch size is random; q = 0, an
// empty batch and a full batch are ordinary outcomes.
//
// The sampler is what produces the accounting event, so a run cannot be sampled one way and accounted another.
//
// Method: the gap to the next chosen record is geometric, P(gap >= k) = (1 - q)^k, drawn by inversion from 128 random
// bits; gaps longer than about 2 / q are drawn in pieces (the geometric law has no memory), so there is no longest gap.
// Given the records before it, each record is chosen with a probability that differs from q by less than 2^-48.

#include <sotto/privacy/event.h>
#include <sotto/privacy/random_stream.h>
#include <sotto/privacy/secret_key.h>

#include <cstdint>
#include <string>
#include <vector>

namespace sotto::privacy {

class PoissonSampler {
 public:
  // sampling_rate in [0, 1], computed from the declared size of the data set, never from the number of records found in
  // it. Throws UsageError otherwise.
  PoissonSampler(double sampling_rate, SecretKey key);

  // Indices in [0, record_count), increasing; O(q * record_count). record_count is the number of records really held,
  // 0 .. 2^53; it only bounds the draw and enters no privacy figure. Throws UsageError outside that range.
  std::vector<std::int64_t> sample(std::int64_t record_count);

  double sampling_rate() const { return sampling_rate_; }
  // The accounting event of one call of sample() followed by one release of `mechanism`.
  PoissonSampled event(Gaussian mechanism) const { return {sampling_rate_, mechanism}; }
  // The same with noise on a lattice.
  StepEvent event(const LatticeNoise& noise) const { return lattice_step(sampling_rate_, noise); }
  // False when the key was a test key: the run is NOT PRIVATE.
  bool key_is_secret() const { return key_is_secret_; }
  const std::string& key_commitment() const { return key_commitment_; }

 private:
  double gap();

  double sampling_rate_;
  bool key_is_secret_;
  std::string key_commitment_;
  RandomStream stream_;
};

}  // namespace sotto::privacy

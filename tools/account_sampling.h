#pragma once
// Which sampler a run is said to use, and the event that follows. This command cannot see a sampler: whatever it
// computes from one is conditional on it.

#include <sotto/privacy/event.h>
#include <sotto/tools/account_flags.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace sotto::tools {

//   poisson              every record independently with the sampling rate
//   without_replacement  batch records out of dataset_size, uniformly; replace-one only
//   truncated_poisson    Poisson, batches above the cap cut to it; not replace-one
//   shuffle              each record once per epoch, no amplification; not add-remove
//   full                 every record in every step
enum class Sampler { poisson, without_replacement, truncated_poisson, shuffle, full };

std::string_view to_string(Sampler sampler);

// What a question asks for, and what therefore must not be given.
enum class Unknown { nothing, noise_multiplier, steps, sampling_rate };

struct Sampling {
  Sampler sampler = Sampler::poisson;
  std::optional<double> rate;           // poisson, truncated_poisson; batch / dataset_size without replacement
  std::optional<int64_t> dataset_size;  // declared
  std::optional<int64_t> batch;
  std::optional<int64_t> cap;
  std::optional<int64_t> steps;
  std::optional<int64_t> epochs;  // shuffle: whole passes
  std::string steps_note;         // how --epochs was resolved, for the reader; may be empty

  // One step; one epoch of a shuffle.
  privacy::Event step_event(double noise_multiplier) const;
  // How often it is repeated: steps, or epochs of a shuffle.
  std::optional<int64_t> count() const { return sampler == Sampler::shuffle ? epochs : steps; }
  void set_count(int64_t count) { (sampler == Sampler::shuffle ? epochs : steps) = count; }
};

// Throws UsageError naming the flag for values outside their range, for flags that are missing, contradict each other
// or do not apply to the sampler, and for samplers that have no guarantee under the adjacency; the latter names the
// flag that would fix it.
Sampling read_sampling(const AccountFlags& flags, privacy::Adjacency adjacency, Unknown unknown);

}  // namespace sotto::tools

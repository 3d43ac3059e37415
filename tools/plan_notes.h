#pragma once
// What speaks against a setting of private training, and what to do about it.

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace sotto::tools {

//   noise    noise multiplier below 0.5. Many steps of small batches need sqrt(s^2 (e^(1/s^2) - 1)) times the noise,
//            relative to the signal, that batches of all records need (central limit theorem of Poisson-sampled
//            Gaussians: Bu et al. 2020, arXiv:1911.11607): 1.3 times at s = 1, 3.7 at 0.5, 33 at 0.33.
//   empty    more than one batch in a hundred is expected to be empty, (1 - q)^N > 0.01, so batches below about 5: such
//            a step releases noise alone.
//   epochs   more than 1000 passes over the records; the runs of README.md have at most 200.
//   weak     the run's signal over noise (plan_signal.h) is below 10. Private runs of README.md at epsilon 3 and 8, and
//            the points of accuracy that they lost against the same training without privacy (as sotto plan has it for
//            5,378 parameters of a head, 17,666 and 13,826 of LoRA and BiTFiT, 10,248, and 22.7 million of the whole):
//              head on MiniLM, movie-reviews          83 and 192      0.9 and 0.6
//              head on MiniLM, sms-spam               40 and 93       0.0 and 0.1
//              LoRA and BiTFiT, two layers of MiniLM  42, 48; 86, 98  3.0, 1.7; 1.7, 1.9
//              head on MobileNet                      33 and 71       5.7 and 3.7
//              head on MiniLM, 240 whole reviews      2.4 and 5.5     9.3 and 1.9
//              the whole of MiniLM, movie-reviews     0.95 and 1.6    7.2 and 7.2
//   hopeless the same, below 0.5: about half of the least of these.
enum class PlanNote { noise, empty, epochs, weak, hopeless };
inline constexpr PlanNote kPlanNotes[] = {PlanNote::noise, PlanNote::empty, PlanNote::epochs, PlanNote::weak,
                                          PlanNote::hopeless};

struct NotedSetting {
  int64_t dataset_size = 0, batch = 0, steps = 0;
  double noise_multiplier = 0, run_signal_to_noise = 0;
};

// In the order of kPlanNotes; hopeless takes the place of weak.
std::vector<PlanNote> notes(const NotedSetting& setting);

// "noise", "empty", ...
std::string_view to_string(PlanNote note);
// What it means and what to do, one sentence without a full stop.
std::string_view sentence(PlanNote note);
// "noise,weak"; "-" for none.
std::string joined_names(std::span<const PlanNote> notes);

}  // namespace sotto::tools

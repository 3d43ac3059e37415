#include <sotto/privacy/error.h>
#include <sotto/tools/plan_notes.h>

#include <cmath>

namespace sotto::tools {
namespace {

constexpr double kLittleNoise = 0.5, kEmptyBatches = 0.01, kManyEpochs = 1000;
constexpr double kWeakSignal = 10, kHopelessSignal = 0.5;

double empty_batches(const NotedSetting& setting) {
  const auto records = static_cast<double>(setting.dataset_size);
  return std::exp(records * std::log1p(-static_cast<double>(setting.batch) / records));
}

}  // namespace

std::vector<PlanNote> notes(const NotedSetting& setting) {
  const double epochs = static_cast<double>(setting.steps) * static_cast<double>(setting.batch) /
                        static_cast<double>(setting.dataset_size);
  std::vector<PlanNote> result;
  if (setting.noise_multiplier < kLittleNoise) result.push_back(PlanNote::noise);
  if (empty_batches(setting) > kEmptyBatches) result.push_back(PlanNote::empty);
  if (epochs > kManyEpochs) result.push_back(PlanNote::epochs);
  if (setting.run_signal_to_noise < kHopelessSignal)
    result.push_back(PlanNote::hopeless);
  else if (setting.run_signal_to_noise < kWeakSignal)
    result.push_back(PlanNote::weak);
  return result;
}

std::string_view to_string(PlanNote note) {
  switch (note) {
    case PlanNote::noise:
      return "noise";
    case PlanNote::empty:
      return "empty";
    case PlanNote::epochs:
      return "epochs";
    case PlanNote::weak:
      return "weak";
    case PlanNote::hopeless:
      return "hopeless";
  }
  throw InternalError("[plan] not a note");
}

std::string_view sentence(PlanNote note) {
  switch (note) {
    case PlanNote::noise:
      return "noise multiplier below 0.5: the noise is small beside one record, and this budget buys little with it; "
             "take a larger --batch";
    case PlanNote::empty:
      return "more than one batch in 100 is empty and releases noise alone; take a --batch of 5 or more";
    case PlanNote::epochs:
      return "every record is used more than 1000 times, and each time is paid for with noise; take fewer --epochs or "
             "--steps";
    case PlanNote::weak:
      return "S/N run below 10: runs like that in sotto's README.md lost 2 to 9 points of accuracy by privacy; train "
             "fewer "
             "parameters (a head, LoRA), take a larger --batch or more --epochs, get more records, or raise --epsilon";
    case PlanNote::hopeless:
      return "S/N run below 0.5, half of the least in sotto's README.md: hopeless, or nearly; train far fewer "
             "parameters "
             "(a head on a frozen model), get more records, or raise --epsilon";
  }
  throw InternalError("[plan] not a note");
}

std::string joined_names(std::span<const PlanNote> notes) {
  std::string names;
  for (const PlanNote note : notes) names += (names.empty() ? "" : ",") + std::string(to_string(note));
  return names.empty() ? "-" : names;
}

}  // namespace sotto::tools

#include <fmt/format.h>
#include <sotto/privacy/error.h>
#include <sotto/tools/account_sampling.h>
#include <sotto/tools/account_values.h>

#include <cmath>

namespace sotto::tools {
namespace {

using privacy::Adjacency;

constexpr double kRateAgreement = 1e-12;
constexpr Sampler kSamplers[] = {Sampler::poisson, Sampler::without_replacement, Sampler::truncated_poisson,
                                 Sampler::shuffle, Sampler::full};

Sampler parse_sampler(std::string_view text) {
  for (const Sampler sampler : kSamplers)
    if (text == to_string(sampler)) return sampler;
  throw UsageError(
      fmt::format("[--sampler] unknown sampler: '{}'; allowed are poisson, without-replacement, truncated-poisson, "
                  "shuffle and full",
                  text));
}

void check_adjacency(Sampler sampler, Adjacency adjacency) {
  if (sampler == Sampler::without_replacement && adjacency != Adjacency::replace_one)
    throw UsageError(
        fmt::format("[--sampler] without-replacement has no guarantee under --adjacency {}, where the number of "
                    "records and with it the sampling changes; use --adjacency replace-one",
                    to_string(adjacency)));
  if (sampler == Sampler::truncated_poisson && adjacency == Adjacency::replace_one)
    throw UsageError(
        "[--sampler] truncated-poisson has no guarantee under --adjacency replace-one; use --adjacency add-remove or "
        "zero-out");
  if (sampler == Sampler::shuffle && adjacency == Adjacency::add_remove)
    throw UsageError(
        "[--sampler] shuffle has no guarantee under --adjacency add-remove, where one record more moves the batches of "
        "all others; use --adjacency zero-out or --adjacency replace-one");
}

class Reader {
 public:
  Reader(const AccountFlags& flags, Unknown unknown) : flags_(flags), unknown_(unknown) {}

  Sampling read(Sampler sampler) {
    sampling_.sampler = sampler;
    read_sizes();
    if (sampler != Sampler::truncated_poisson) refuse("--cap", "only truncated-poisson cuts its batches");
    switch (sampler) {
      case Sampler::poisson:
        read_rate();
        read_steps();
        break;
      case Sampler::truncated_poisson:
        require_size("the tail of the batch size depends on it");
        sampling_.cap = count_value("--cap", flags_.required("--cap"), 1);
        read_rate();
        read_steps();
        break;
      case Sampler::without_replacement:
        require_size("batches of fixed size are drawn from it");
        if (!sampling_.batch && unknown_ != Unknown::sampling_rate) flags_.required("--batch");
        read_rate();
        read_steps();
        break;
      case Sampler::shuffle:
        read_shuffle();
        break;
      case Sampler::full:
        if (unknown_ == Unknown::sampling_rate)
          throw UsageError(
              "[--sampler] full has no sampling rate to ask for; allowed here are poisson, truncated-poisson "
              "and without-replacement");
        refuse("--sampling-rate", "every record is in every step");
        refuse("--batch", "every record is in every step");
        sampling_.rate = 1;
        read_steps();
        break;
    }
    return sampling_;
  }

 private:
  void refuse(std::string_view flag, std::string_view reason) const {
    flags_.refuse(flag, fmt::format("--sampler {}", to_string(sampling_.sampler)), reason);
  }
  void require_size(std::string_view reason) const {
    if (!sampling_.dataset_size)
      throw UsageError(
          fmt::format("[--dataset-size] missing: --sampler {} needs it, because {}; allowed is an integer "
                      "from 1 to 2^53",
                      to_string(sampling_.sampler), reason));
  }

  void read_sizes() {
    if (flags_.has("--dataset-size"))
      sampling_.dataset_size = count_value("--dataset-size", flags_.text("--dataset-size"), 1);
    if (!flags_.has("--batch")) return;
    sampling_.batch = count_value("--batch", flags_.text("--batch"), 1);
    if (!sampling_.dataset_size)
      throw UsageError(
          fmt::format("[--batch] {} alone gives no sampling rate; give --dataset-size as well", *sampling_.batch));
    if (*sampling_.batch > *sampling_.dataset_size)
      throw UsageError(fmt::format("[--batch] bad value: {}; allowed is an integer from 1 to the dataset size {}",
                                   *sampling_.batch, *sampling_.dataset_size));
  }

  void read_rate() {
    if (unknown_ == Unknown::sampling_rate) {
      flags_.refuse("--batch", "this question", "the sampling rate is what is asked for");
      return;
    }
    if (flags_.has("--sampling-rate")) sampling_.rate = rate_value("--sampling-rate", flags_.text("--sampling-rate"));
    if (sampling_.batch) {
      const double rate = static_cast<double>(*sampling_.batch) / static_cast<double>(*sampling_.dataset_size);
      if (sampling_.rate && std::abs(*sampling_.rate - rate) > kRateAgreement * rate)
        throw UsageError(
            fmt::format("[--sampling-rate] {}, --batch {} and --dataset-size {} disagree: {} / {} = {}; leave one out",
                        *sampling_.rate, *sampling_.batch, *sampling_.dataset_size, *sampling_.batch,
                        *sampling_.dataset_size, rate));
      if (!sampling_.rate) sampling_.rate = rate;
    }
    if (!sampling_.rate)
      throw UsageError("[--sampling-rate] missing: give a probability from 0 to 1, or --batch and --dataset-size");
  }

  // 60 epochs of 234.375 steps each: 14062.5. Quotients that miss an integer by their own rounding are that integer.
  double exact_steps(double epochs) const {
    long double steps = epochs;
    if (sampling_.sampler == Sampler::full) {
    } else if (sampling_.batch)
      steps = steps * static_cast<long double>(*sampling_.dataset_size) / static_cast<long double>(*sampling_.batch);
    else
      steps /= static_cast<long double>(sampling_.rate.value_or(1));
    const long double nearest = std::round(steps);
    return static_cast<double>(std::abs(steps - nearest) <= 1e-12L * steps ? nearest : steps);
  }

  void read_steps() {
    if (unknown_ == Unknown::steps) return;
    if (flags_.has("--steps"))
      sampling_.steps = count_value("--steps", flags_.text("--steps"), unknown_ == Unknown::nothing ? 0 : 1);
    if (!flags_.has("--epochs")) {
      if (!sampling_.steps)
        throw UsageError("[--steps] missing: give an integer from 0 to 2^53, or --epochs; try --help");
      return;
    }
    const double epochs = epochs_value("--epochs", flags_.text("--epochs"));
    if (unknown_ == Unknown::sampling_rate)
      throw UsageError(fmt::format(
          "[--epochs] {} epochs are no number of steps before the sampling rate is known; give --steps", epochs));
    if (sampling_.rate == 0.0)
      throw UsageError(
          fmt::format("[--epochs] {} epochs have no number of steps at sampling rate 0; give --steps", epochs));
    const double exact = exact_steps(epochs);
    if (!(exact <= static_cast<double>(privacy::kMaxCount)))
      throw UsageError(
          fmt::format("[--epochs] bad value: {}; that would be {} steps, allowed are 2^53", epochs, exact));
    if (sampling_.steps && *sampling_.steps != static_cast<int64_t>(std::floor(exact)) &&
        *sampling_.steps != static_cast<int64_t>(std::ceil(exact)))
      throw UsageError(fmt::format(
          "[--epochs] {} and --steps {} disagree: {} epochs at sampling rate {} are {} steps; leave one out", epochs,
          *sampling_.steps, epochs, sampling_.rate.value_or(1), exact));
    if (sampling_.steps) return;
    sampling_.steps = static_cast<int64_t>(std::ceil(exact));
    sampling_.steps_note = exact == std::ceil(exact) ? fmt::format("{} epochs", epochs)
                                                     : fmt::format("{} epochs are {}, rounded up", epochs, exact);
  }

  void read_shuffle() {
    refuse("--sampling-rate",
           "no amplification by sampling is proven for shuffled batches; give --epochs, or use --sampler poisson where "
           "batches really are Poisson samples");
    if (unknown_ == Unknown::sampling_rate)
      throw UsageError(
          "[--sampler] shuffle has no sampling rate to ask for; allowed here are poisson, truncated-poisson and "
          "without-replacement");
    if (unknown_ == Unknown::steps) return;
    std::optional<int64_t> steps;
    if (flags_.has("--steps")) steps = count_value("--steps", flags_.text("--steps"), 0);
    if (steps && !sampling_.batch)
      throw UsageError(
          fmt::format("[--steps] {} steps of --sampler shuffle are no number of epochs; give --epochs, or --batch and "
                      "--dataset-size",
                      *steps));
    // With the last, smaller batch left out an epoch is as short as it can be, and so the epochs are as many.
    const int64_t short_epoch = sampling_.batch ? *sampling_.dataset_size / *sampling_.batch : 0;
    const int64_t long_epoch =
        sampling_.batch ? short_epoch + (*sampling_.dataset_size % *sampling_.batch != 0 ? 1 : 0) : 0;
    if (!flags_.has("--epochs")) {
      if (!steps) throw UsageError("[--epochs] missing: give a number above 0; each record is used once per epoch");
      sampling_.steps = steps;
      sampling_.epochs = *steps / short_epoch + (*steps % short_epoch != 0 ? 1 : 0);
      sampling_.steps_note = fmt::format("at {} steps per epoch", short_epoch);
      return;
    }
    const double epochs = epochs_value("--epochs", flags_.text("--epochs"));
    const double whole = std::ceil(epochs);
    if (!(whole <= static_cast<double>(privacy::kMaxCount)))
      throw UsageError(fmt::format("[--epochs] bad value: {}; allowed is at most 2^53", epochs));
    sampling_.epochs = static_cast<int64_t>(whole);
    if (whole != epochs) sampling_.steps_note = fmt::format("{} epochs, rounded up to whole ones", epochs);
    const double fewest = std::floor(epochs * static_cast<double>(short_epoch)),
                 most = std::ceil(epochs * static_cast<double>(long_epoch));
    if (steps && (static_cast<double>(*steps) < fewest || static_cast<double>(*steps) > most))
      throw UsageError(
          fmt::format("[--epochs] {} and --steps {} disagree: {} epochs of {} records in batches of {} are {} to {} "
                      "steps; leave one out",
                      epochs, *steps, epochs, *sampling_.dataset_size, *sampling_.batch, fewest, most));
    sampling_.steps = steps;
    if (!steps && sampling_.batch && most <= static_cast<double>(privacy::kMaxCount))
      sampling_.steps = static_cast<int64_t>(most);
  }

  const AccountFlags& flags_;
  Unknown unknown_;
  Sampling sampling_;
};

}  // namespace

std::string_view to_string(Sampler sampler) {
  switch (sampler) {
    case Sampler::poisson:
      return "poisson";
    case Sampler::without_replacement:
      return "without-replacement";
    case Sampler::truncated_poisson:
      return "truncated-poisson";
    case Sampler::shuffle:
      return "shuffle";
    case Sampler::full:
      return "full";
  }
  throw InternalError("[to_string] not a sampler");
}

privacy::Event Sampling::step_event(double noise_multiplier) const {
  const privacy::Gaussian mechanism{noise_multiplier};
  switch (sampler) {
    case Sampler::poisson:
      return privacy::PoissonSampled{.sampling_rate = rate.value(), .mechanism = mechanism};
    case Sampler::without_replacement:
      return privacy::WithoutReplacement{
          .batch_size = batch.value(), .dataset_size = dataset_size.value(), .mechanism = mechanism};
    case Sampler::truncated_poisson:
      return privacy::TruncatedPoisson{.sampling_rate = rate.value(),
                                       .dataset_size = dataset_size.value(),
                                       .largest_batch = cap.value(),
                                       .mechanism = mechanism};
    case Sampler::shuffle:
      return privacy::EpochOnce{.epochs = 1, .mechanism = mechanism};
    case Sampler::full:
      return mechanism;
  }
  throw InternalError("[step_event] not a sampler");
}

Sampling read_sampling(const AccountFlags& flags, Adjacency adjacency, Unknown unknown) {
  const Sampler sampler = flags.has("--sampler") ? parse_sampler(flags.text("--sampler")) : Sampler::poisson;
  check_adjacency(sampler, adjacency);
  return Reader(flags, unknown).read(sampler);
}

}  // namespace sotto::tools

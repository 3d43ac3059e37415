#include <fmt/format.h>
#include <sotto/privacy/error.h>
#include <sotto/tools/account_flags.h>

#include <algorithm>
#include <array>

namespace sotto::tools {
namespace {

struct FlagDescription {
  std::string_view name, type, help;
};

constexpr std::array kFlags = {
    FlagDescription{"--noise-multiplier", "SIGMA", "Noise standard deviation / clip norm"},
    FlagDescription{"--sampling-rate", "Q", "Probability that a record enters a batch"},
    FlagDescription{"--dataset-size", "N", "Declared number of records; for --batch, and to judge delta"},
    FlagDescription{"--batch", "B", "Batch size: expected (poisson, truncated-poisson) or fixed"},
    FlagDescription{"--steps", "T", "Number of noisy steps"},
    FlagDescription{"--epochs", "E", "Passes over the records, resolved to a number of steps, rounded up"},
    FlagDescription{"--epsilon", "EPSILON", "The epsilon of (epsilon, delta)"},
    FlagDescription{"--delta", "DELTA", "The delta of (epsilon, delta); below 1 / dataset size, or it says little"},
    FlagDescription{"--order", "ALPHA,...", "Renyi orders above 1, any real numbers or inf"},
    FlagDescription{"--adjacency", "NAME", "Neighbours: add-remove, zero-out or replace-one [add-remove]"},
    FlagDescription{"--sampler", "NAME", "poisson, without-replacement, truncated-poisson, shuffle or full [poisson]"},
    FlagDescription{"--cap", "B", "Largest batch (truncated-poisson)"},
    FlagDescription{"--unit", "NAME", "What is protected: record, user or group [record]"},
    FlagDescription{"--group-size", "K", "Records of a group (--unit group)"},
    FlagDescription{"--method", "NAME", "pld, contour, gaussian or rdp [certified: of as many as --width takes]"},
    FlagDescription{"--width", "W", "Width that brackets are refined to [0.001]"},
    FlagDescription{"--events", "FILE", "JSON file of releases, instead of noise, sampling and steps"},
    FlagDescription{"--points", "COUNT", "Points of each curve, 2 to 1000 [60]"},
    FlagDescription{"--output", "FILE", "Write the curves as CSV"},
    FlagDescription{"--picture", "FILE", "Draw the curves as SVG; the name ends in .svg"},
};

const FlagDescription& description(std::string_view flag) {
  const auto* const found = std::ranges::find(kFlags, flag, &FlagDescription::name);
  SOTTO_ASSERT(found != kFlags.end());
  return *found;
}

}  // namespace

std::string_view AccountFlags::text(std::string_view flag) const {
  const auto found = texts_.find(flag);
  return found == texts_.end() ? std::string_view() : found->second;
}

std::string_view AccountFlags::required(std::string_view flag) const {
  if (!has(flag)) throw UsageError(fmt::format("[{}] missing: {}; try --help", flag, description(flag).help));
  return text(flag);
}

void AccountFlags::refuse(std::string_view flag, std::string_view where, std::string_view reason) const {
  if (has(flag)) throw UsageError(fmt::format("[{}] '{}' does not apply to {}: {}", flag, text(flag), where, reason));
}

void add_account_flags(CLI::App& query, const std::vector<std::string_view>& names,
                       const std::shared_ptr<AccountFlags>& flags) {
  for (const std::string_view name : names) {
    if (name == "--json") {
      query.add_flag("--json", flags->json, "Print one JSON object, at full precision");
    } else if (name == "--csv") {
      query.add_flag("--csv", flags->csv, "Print comma-separated values");
    } else if (name == "--estimate") {
      query.add_flag("--estimate", flags->estimate, "Add the central limit theorem's ESTIMATE, which is not a bound");
    } else if (name == "--phase") {
      query.add_option("--phase", flags->phases, "A phase of Poisson-sampled steps; may be repeated")
          ->type_name("Q,SIGMA,T")
          ->allow_extra_args(false);
    } else {
      const FlagDescription& flag = description(name);
      query
          .add_option_function<std::string>(
              std::string(name), [flags, name](const std::string& text) { flags->set(name, text); },
              std::string(flag.help))
          ->type_name(std::string(flag.type));
    }
  }
}

}  // namespace sotto::tools

#include <fmt/format.h>
#include <sotto/privacy/error.h>
#include <sotto/tools/account_statement.h>

namespace sotto::tools {
namespace {

using privacy::Adjacency;
using privacy::PrivacyUnit;

std::string counted(int64_t count, const char* noun) {
  return fmt::format("{} {}{}", count, noun, count == 1 ? "" : "s");
}

// The subject of the assumptions: whose gradient is clipped.
const char* unit_noun(const AccountQuestion& question) {
  return question.unit.kind == PrivacyUnit::Kind::user ? "user" : "record";
}

std::string sampler_condition(const AccountQuestion& question) {
  if (question.listed)
    return fmt::format("the releases are made exactly as listed, with each {}'s contribution bounded before the noise",
                       unit_noun(question));
  const char* const noun = unit_noun(question);
  switch (question.sampling.sampler) {
    case Sampler::poisson:
      return fmt::format("every {} enters every batch independently with this probability", noun);
    case Sampler::truncated_poisson:
      return fmt::format(
          "every {} enters every batch independently with this probability and a batch above the cap is "
          "cut to a uniformly random part of itself",
          noun);
    case Sampler::without_replacement:
      return "every batch is a fresh uniformly random choice of that many";
    case Sampler::shuffle:
      return fmt::format("every {} is in one batch of each epoch and the order does not depend on the data", noun);
    case Sampler::full:
      return fmt::format("every step uses every {}", noun);
  }
  throw InternalError("[sampler_condition] not a sampler");
}

std::string clipping_condition(const AccountQuestion& question) {
  if (question.listed) return "";
  return fmt::format(
      ", each {}'s contribution is clipped, and normal noise of that multiple of the clip norm is added to the sum",
      unit_noun(question));
}

const char* reason_of_infinity(const AccountQuestion& question) {
  if (question.noise_multiplier == 0.0) return "without noise nothing hides a contribution";
  if (question.delta == 0.0) return "the loss is unbounded, so that delta must be above 0";
  return "more than this delta goes to releases that guarantee nothing";
}

}  // namespace

std::string describe_releases(const AccountQuestion& question, const std::string& noise) {
  if (question.listed) return question.listed->description;
  const Sampling& sampling = question.sampling;
  const std::string size = sampling.dataset_size ? fmt::format("{}", *sampling.dataset_size) : "all";
  const std::string steps = counted(sampling.steps.value_or(0), "step");
  const char* const noun = unit_noun(question);
  switch (sampling.sampler) {
    case Sampler::poisson:
      return fmt::format("{} of DP-SGD with Poisson sampling at rate {} and noise multiplier {}", steps,
                         sampling.rate.value(), noise);
    case Sampler::truncated_poisson:
      return fmt::format(
          "{} of DP-SGD with truncated Poisson sampling at rate {} of {} {}s in batches of at most {} and "
          "noise multiplier {}",
          steps, sampling.rate.value(), size, noun, sampling.cap.value(), noise);
    case Sampler::without_replacement:
      return fmt::format("{} of DP-SGD on {} of {} {}s drawn without replacement and noise multiplier {}", steps,
                         sampling.batch.value(), size, noun, noise);
    case Sampler::shuffle:
      return fmt::format(
          "{} of DP-SGD on shuffled batches, without any amplification by sampling, and noise multiplier "
          "{}",
          counted(sampling.epochs.value(), "epoch"), noise);
    case Sampler::full:
      return fmt::format("{} of DP-SGD on the full data set and noise multiplier {}", steps, noise);
  }
  throw InternalError("[describe_releases] not a sampler");
}

std::string describe_neighbours(const AccountQuestion& question) {
  std::string who;
  const bool group = question.unit.kind == PrivacyUnit::Kind::group && question.unit.size > 1;
  switch (question.unit.kind) {
    case PrivacyUnit::Kind::record:
      who = "one record is ";
      break;
    case PrivacyUnit::Kind::user:
      who = "one user with all of their records is ";
      break;
    case PrivacyUnit::Kind::group:
      who = group ? fmt::format("up to {} records are ", question.unit.size) : "one record is ";
      break;
  }
  switch (question.adjacency) {
    case Adjacency::add_remove:
      return who + "added or removed";
    case Adjacency::zero_out:
      return who + (group ? "replaced by null records" : "replaced by a null record");
    case Adjacency::replace_one:
      return who + (group ? "replaced by others" : "replaced by another");
  }
  throw InternalError("[describe_neighbours] not an adjacency");
}

std::string statement(const AccountQuestion& question, const std::string& noise, const StatedGuarantee& guarantee) {
  const std::string releases = describe_releases(question, noise);
  const std::string neighbours = describe_neighbours(question);
  if (guarantee.epsilon == "inf")
    return fmt::format("{} give no finite epsilon at delta {} when {}: {}.", releases, guarantee.delta, neighbours,
                       reason_of_infinity(question));
  return fmt::format(
      "{} satisfy ({}, {})-differential privacy when {} (method {}{}), provided that, UNPROVEN because this command "
      "sees "
      "no data, {}{}; not covered are tuning, early stopping, preprocessing and statistics on the same data, and "
      "attacks "
      "on the rounding of floating-point noise.",
      releases, guarantee.epsilon, guarantee.delta, neighbours, guarantee.method,
      guarantee.lower_end.empty() ? "" : ", " + guarantee.lower_end, sampler_condition(question),
      clipping_condition(question));
}

}  // namespace sotto::tools

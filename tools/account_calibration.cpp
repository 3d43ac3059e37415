#include <fmt/format.h>
#include <sotto/privacy/calibration.h>
#include <sotto/privacy/error.h>
#include <sotto/tools/account_calibration.h>

#include <vector>

namespace sotto::tools {
namespace {

using privacy::CalibrationTarget;
using privacy::Method;

// The question with the unknown set to some value: which engines can answer does not depend on it.
AccountQuestion probe(AccountQuestion question, Unknown unknown) {
  switch (unknown) {
    case Unknown::noise_multiplier:
      question.noise_multiplier = 1;
      break;
    case Unknown::steps:
      question.sampling.set_count(1);
      break;
    case Unknown::sampling_rate:
      question.sampling.rate = 0.5;
      if (question.sampling.sampler == Sampler::without_replacement) question.sampling.batch = 1;
      break;
    case Unknown::nothing:
      break;
  }
  return question;
}

std::vector<Method> engines(const AccountQuestion& question) {
  return question.method ? std::vector{*question.method} : bracket_methods(question.accounted());
}

void fill_in(AccountQuestion& question, Unknown unknown, const CalibrationTarget& target) {
  const auto at_noise = [&](double noise) {
    question.noise_multiplier = noise;
    return question.accounted();
  };
  const auto at_rate = [&](double rate) {
    question.sampling.rate = rate;
    return question.accounted();
  };
  const auto at_count = [&](int64_t count) {
    question.sampling.set_count(count);
    return question.accounted();
  };
  const auto at_batch = [&](int64_t batch) {
    question.sampling.batch = batch;
    return question.accounted();
  };
  switch (unknown) {
    case Unknown::noise_multiplier:
      at_noise(smallest_noise_multiplier(target, at_noise).value);
      break;
    case Unknown::sampling_rate:
      if (question.sampling.sampler == Sampler::without_replacement) {
        const int64_t size = question.sampling.dataset_size.value();
        at_batch(largest_batch_size(target, at_batch, size).value);
        question.sampling.rate = static_cast<double>(*question.sampling.batch) / static_cast<double>(size);
      } else {
        at_rate(largest_sampling_rate(target, at_rate).value);
      }
      break;
    case Unknown::steps:
      at_count(question.sampling.sampler == Sampler::shuffle ? largest_epochs(target, at_count).value
                                                             : largest_steps(target, at_count).value);
      break;
    case Unknown::nothing:
      throw InternalError("[calibrate] nothing to look for");
  }
}

const char* flag_to_change(Unknown unknown) {
  switch (unknown) {
    case Unknown::noise_multiplier:
      return "--epsilon or --delta";
    case Unknown::steps:
    case Unknown::sampling_rate:
      return "--noise-multiplier, --epsilon or --delta";
    case Unknown::nothing:
      break;
  }
  throw InternalError("[calibrate] nothing to look for");
}

}  // namespace

AccountAnswer calibrate(const AccountQuestion& question, Unknown unknown) {
  if (unknown != Unknown::noise_multiplier && question.noise_multiplier == 0.0)
    throw UsageError(
        "[--noise-multiplier] infeasible: 0; without noise every run has infinite epsilon, so give a number above 0");
  if (unknown != Unknown::sampling_rate && question.sampling.rate == 0.0)
    throw UsageError(
        "[--sampling-rate] nothing to calibrate: 0; no record is ever used, so every run meets every budget; allowed "
        "here is "
        "above 0 and at most 1");
  const AccountQuestion probed = probe(question, unknown);
  check_method(probed);
  const auto able = engines(probed);
  AccountAnswer answer{.question = probed, .calibrated = unknown, .target_epsilon = question.epsilon};
  // The answer must hold when it is typed back in and all engines are asked: the first engine with which it does.
  EngineAnswer found;
  std::string reason;  // of the engine that takes every question, if it was asked
  for (const Method method : able) {
    try {
      fill_in(answer.question, unknown,
              {.budget = {.epsilon = question.epsilon.value(), .delta = question.delta.value()},
               .method = method,
               .precision = question.precision});
    } catch (const UsageError& error) {
      if (reason.empty() || method == Method::pld) reason = error.what();
      if (method == able.back())
        throw UsageError(fmt::format("[--epsilon] {} at delta {} cannot be met: {}; change {}", *question.epsilon,
                                     *question.delta, reason, flag_to_change(unknown)));
      continue;
    }
    found = bracket_epsilon(answer.question, *question.delta);
    if (found.bracket.upper <= *question.epsilon) break;
    if (method == able.back()) {
      // Another engine is wider here by a hair; the one that calibrated has seen the target met.
      answer.question.method = method;
      found = bracket_epsilon(answer.question, *question.delta);
    }
  }
  SOTTO_ASSERT(found.bracket.upper <= *question.epsilon);
  answer.epsilon = found.bracket;
  answer.delta = {*question.delta, *question.delta};
  answer.method = found.method;
  if (unknown == Unknown::steps || unknown == Unknown::noise_multiplier)
    answer.if_poisson = epsilon_if_poisson(answer.question, *question.delta);
  return answer;
}

}  // namespace sotto::tools

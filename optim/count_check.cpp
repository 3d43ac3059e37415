#include <fmt/format.h>
#include <sotto/optim/count_check.h>
#include <sotto/optim/noise_check.h>

#include <algorithm>
#include <cmath>

namespace sotto::optim {
namespace {

constexpr int64_t kStepsOfAStart = 16;  // an empty batch drives the clip norm away: before it reaches an end

}  // namespace

std::vector<AuditFinding> check_count(const AuditedTraining& training, int64_t draws) {
  AuditedTraining small = of_one_number(training);
  small.options.rule = training.options.rule;
  const privacy::PrivacyPlan& plan = training.options.plan;
  const AdaptiveClipping& clipping = training.options.rule.adaptive_clipping().value();
  double squares = 0, sum = 0, steps = 0, pairs = 0, gradient = 0, told = 0;
  int64_t done = 0;
  while (done < draws) {
    AuditRun run(small, made_up_records(small.options.inputs, 0, 1), std::nullopt);
    double last = 0;
    for (int64_t step = 0; step < std::min({kStepsOfAStart, plan.steps(), draws - done}); ++step) {
      const std::vector<at::Tensor> released = run.step();
      const double of_gradient = released.at(0).item<double>() / plan.noise_multiplier();
      const double count = released.at(1).item<double>() / plan.noise_multiplier();
      const double apart = std::abs(run.told_count().value() / clipping.count_noise - count);
      if (!(apart <= told) && !std::isnan(told)) told = apart;  // not a number is the worst, and stays
      squares += count * count;
      sum += count;
      gradient += count * of_gradient;
      if (step > 0) steps += count * last, ++pairs;
      last = count;
    }
    done += std::min({kStepsOfAStart, plan.steps(), draws - done});
  }
  const auto number = static_cast<double>(done);
  std::vector<AuditFinding> findings;
  const double score = score_of_squares(squares, number);
  findings.push_back({"noise of the count", std::abs(score) <= kNoiseCheckZ,
                      fmt::format("standard deviation {:.4f} of the stated one over {} draws, z {:.1f}",
                                  std::sqrt(squares / number), done, score)});
  const auto z = [&](const char* subject, double value) {
    findings.push_back({fmt::format("noise of the count: {}", subject), std::abs(value) <= kNoiseCheckZ,
                        fmt::format("z {:.1f}", value)});
  };
  z("mean", sum / std::sqrt(number));
  z("beside that of the gradient", gradient / std::sqrt(number));
  if (pairs > 0) z("consecutive steps", steps / std::sqrt(pairs));
  constexpr double kRounding = 1e-3;  // of the logarithm that tells the count, at the least rate and the least noise
  findings.push_back(
      {"count that is told", told <= kRounding,
       fmt::format("{:.2g} of its noise away from the one that moved the clip norm, allowed is {}", told, kRounding)});
  return findings;
}

}  // namespace sotto::optim

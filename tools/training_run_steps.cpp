// The steps of a run, and what happens between them.

#include <ATen/core/grad_mode.h>
#include <ATen/ops/linalg_vector_norm.h>
#include <ATen/ops/stack.h>
#include <fmt/format.h>
#include <sotto/models/centred.h>
#include <sotto/tools/progress.h>
#include <sotto/tools/run_optimizer.h>
#include <sotto/tools/slow_notice.h>
#include <sotto/tools/training_plan_text.h>
#include <sotto/tools/training_run.h>
#include <unistd.h>

#include <chrono>
#include <cmath>
#include <limits>
#include <optional>
#include <string>
#include <vector>

namespace sotto::tools {
namespace {

constexpr std::chrono::seconds kCheckpointInterval{60};
constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr int64_t kEvaluations = 10;  // over the whole run, the last one included

}  // namespace

void TrainingRun::centre() {
  models::Centred* const centred = model().centred();
  if (centred == nullptr) return;
  {
    const SlowNotice notice(*job_.err, "finding out what all records have in common ...");
    const auto vectors = [&](const std::vector<at::Tensor>& inputs) { return centred->vectors(inputs[0]); };
    const int64_t width = centred->width();
    const at::Tensor mean = private_ ? private_->mean(vectors, width, centred->norm()) : plain_->mean(vectors, width);
    const at::NoGradGuard no_grad;
    centred->centre().copy_(mean);
  }
  if (private_) {
    ++applied_steps_;
    tell_folder();
  }
  save();
}

void TrainingRun::step() {
  set_lr(*optimizer_, job_.options, plan_, schedule_->factor(steps_done()));
  run_model(job_.options.model, private_ ? Told::without_its_words : Told::whole, [&] {
    if (private_) {
      private_->step(losses_of(model()));
    } else {
      plain_->step();
    }
  });
  ++applied_steps_;
  ++updates_;
  require_finite();
}

void TrainingRun::require_finite() const {
  const at::NoGradGuard no_grad;
  const std::vector<models::NamedTensor> tensors = model().trainable();
  std::vector<at::Tensor> largest;
  for (const models::NamedTensor& named : tensors)
    largest.push_back(at::linalg_vector_norm(named.tensor, kInfinity).to(at::kDouble));
  const at::Tensor all = at::stack(largest).cpu();  // a device is asked once
  for (size_t t = 0; t < tensors.size(); ++t) {
    if (std::isfinite(all.const_data_ptr<double>()[t])) continue;
    throw Diverged(
        fmt::format("[train] the run diverged with lr {}: {} holds numbers that are not finite after step {} of {}{}; "
                    "go on from the last checkpoint with a smaller lr in {}: sotto resume {}",
                    plan_.lr, tensors[t].name, steps_done(), plan_.steps, private_ ? ", which stays charged" : "",
                    folder_.config().string(), folder_.path().string()));
  }
}

ExitCode TrainingRun::loop() {
  std::optional<TestResult> result;
  {
    Progress progress(*job_.err, ::isatty(STDERR_FILENO) != 0, steps_done(), plan_.steps);
    const auto spent = [&]() -> std::string {
      if (!private_) return ", NOT PRIVATE";
      if (!plan_.not_private.empty()) return ", NOT PRIVATE";
      if (plan_.tuning) return "";  // charged as a whole, and what a run is worth is not told
      const auto clip_norm = adaptive_clip_norm();
      return fmt::format("{}, epsilon {} spent", clip_norm ? fmt::format(", clip norm {:.3g}", *clip_norm) : "",
                         shown_epsilon(job_.options, spent_epsilon(plan_, private_->ledger().spent())));
    };
    auto saved = std::chrono::steady_clock::now();
    while (steps_done() < plan_.steps && !stops_early()) {
      if (const auto code = stop_->requested()) {
        save();
        write_artefacts();
        if (job_.tuning.empty())
          progress.line(fmt::format("stopped after {} of {} steps; continue with: sotto resume {}", steps_done(),
                                    plan_.steps, folder_.path().string()));
        report(std::nullopt, false);
        return *code;
      }
      step();
      tell_folder();
      progress.step(steps_done(), spent);
      if (const auto now = std::chrono::steady_clock::now(); now - saved > kCheckpointInterval) {
        save();
        saved = now;
      }
      const int64_t done = steps_done();
      const bool now_due = done * kEvaluations / plan_.steps != (done - 1) * kEvaluations / plan_.steps;
      if (done < plan_.steps && (now_due || private_metrics_due())) {
        const bool is_private = private_metrics_due();
        const auto seen = evaluate();
        std::string told = seen ? to_text(*seen) : "";
        if (is_private) told += (told.empty() ? "" : ", ") + to_text(*last_metrics_);
        if (!told.empty() && !plan_.tuning)
          progress.line(fmt::format("step {} of {}: {}{}", done, plan_.steps, told, spent()));
      }
    }
    save();  // what comes now may find the disk full, and is done again by a run that resumes
    if (stops_early())
      progress.line(
          fmt::format("ended after {} of {} steps: the accuracy of {} private evaluations in a row did not exceed its "
                      "reference by more than its noise",
                      steps_done(), plan_.steps, *job_.options.stop_early));
    result = stops_early() ? tested() : evaluate();  // the line of that step is there already
  }
  write_artefacts();
  report(result, true);
  return ExitCode::done;
}

}  // namespace sotto::tools

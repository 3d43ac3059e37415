#include <fmt/format.h>
#include <sotto/privacy/error.h>
#include <sotto/privacy/plan.h>
#include <sotto/tools/plan_frontier.h>
#include <sotto/tools/plan_signal.h>
#include <sotto/tools/training_plan.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <exception>
#include <mutex>
#include <thread>

namespace sotto::tools {
namespace {

constexpr double kWorthIt = 1.1;  // noise of the suggestion over the least

PlanRow calibrated(const PlanQuestion& question, PlanRow row) {
  const privacy::PrivacyPlan plan({.adjacency = privacy::Adjacency::add_remove,
                                   .dataset_size = question.dataset_size,
                                   .expected_batch_size = row.batch,
                                   .steps = row.steps,
                                   .delta = question.budget.delta,
                                   .epsilon = question.budget.epsilon});
  row.sampling_rate = plan.sampling_rate();
  row.noise_multiplier = plan.noise_multiplier();
  row.epsilon = plan.epsilon();
  const ReleaseSettings settings{.noise_multiplier = row.noise_multiplier,
                                 .batch = row.batch,
                                 .steps = row.steps,
                                 .parameters = question.parameters};
  row.coordinate_noise = coordinate_noise(settings, question.clip_norm);
  row.noise_norm = noise_norm(settings, question.clip_norm);
  row.step_signal_to_noise = step_signal_to_noise(settings);
  row.run_signal_to_noise = run_signal_to_noise(settings);
  row.notes = notes({.dataset_size = question.dataset_size,
                     .batch = row.batch,
                     .steps = row.steps,
                     .noise_multiplier = row.noise_multiplier,
                     .run_signal_to_noise = row.run_signal_to_noise});
  return row;
}

std::vector<PlanRow> open_rows(const PlanQuestion& question) {
  std::vector<PlanRow> rows;
  for (const int64_t batch : question.batches)
    for (const int64_t length : question.lengths) {
      PlanRow row{.batch = batch, .steps = length, .length = length};
      if (question.in_epochs) row.steps = steps_of_epochs(length, question.dataset_size, batch);
      const double records = static_cast<double>(row.steps) * static_cast<double>(batch);
      row.epochs = records / static_cast<double>(question.dataset_size);
      if (question.measured)
        row.seconds = records / static_cast<double>(question.measured->batch) * question.measured->seconds;
      rows.push_back(row);
    }
  return rows;
}

// Rows do not depend on each other, nor on how they are spread over threads.
class Calibration {
 public:
  Calibration(const PlanQuestion& question, std::vector<PlanRow>& rows)
      : question_(question), rows_(rows), failures_(rows.size()) {}

  void run(const std::function<void(int64_t)>& progress) {
    const size_t wanted = std::max(1U, std::thread::hardware_concurrency());
    {
      std::vector<std::jthread> threads;
      for (size_t i = 0; i < std::min(wanted, rows_.size()); ++i) threads.emplace_back([this] { work(); });
      std::unique_lock lock(mutex_);
      while (done_ < rows_.size()) {
        changed_.wait_for(lock, kTold);
        if (progress) progress(static_cast<int64_t>(done_));
      }
    }
    for (size_t i = 0; i < rows_.size(); ++i)
      if (failures_[i]) rethrow(i);
  }

 private:
  static constexpr std::chrono::milliseconds kTold{200};

  void work() {
    for (size_t i = next_++; i < rows_.size(); i = next_++) {
      try {
        rows_[i] = calibrated(question_, rows_[i]);
      } catch (...) {
        failures_[i] = std::current_exception();
      }
      const std::lock_guard lock(mutex_);
      ++done_;
      changed_.notify_all();
    }
  }

  [[noreturn]] void rethrow(size_t i) const {
    try {
      std::rethrow_exception(failures_[i]);
    } catch (const UsageError& error) {
      throw UsageError(fmt::format("[plan] batch {}, {} steps: {}", rows_[i].batch, rows_[i].steps, error.what()));
    }
  }

  const PlanQuestion& question_;
  std::vector<PlanRow>& rows_;
  std::vector<std::exception_ptr> failures_;
  std::atomic<size_t> next_ = 0;
  std::mutex mutex_;
  std::condition_variable changed_;
  size_t done_ = 0;
};

std::optional<size_t> suggestion(const PlanQuestion& question, const std::vector<PlanRow>& rows) {
  const auto in_time = [&](const PlanRow& row) { return !question.time_limit || *row.seconds <= *question.time_limit; };
  double best = 0;
  for (const PlanRow& row : rows)
    if (in_time(row)) best = std::max(best, row.run_signal_to_noise);
  for (size_t i = 0; i < rows.size(); ++i)
    if (in_time(rows[i]) && rows[i].run_signal_to_noise * kWorthIt >= best) return i;
  return std::nullopt;
}

}  // namespace

PlanFrontier plan_frontier(const PlanQuestion& question, const std::function<void(int64_t)>& progress) {
  PlanFrontier frontier;
  frontier.rows = open_rows(question);
  Calibration(question, frontier.rows).run(progress);
  frontier.suggested = suggestion(question, frontier.rows);
  frontier.full_batch_signal_to_noise =
      full_batch_signal_to_noise(question.budget, question.dataset_size, question.parameters);
  return frontier;
}

}  // namespace sotto::tools

#include <fmt/format.h>
#include <fmt/ostream.h>
#include <sotto/tools/numbers.h>
#include <sotto/tools/plan_report.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <nlohmann/json.hpp>
#include <ostream>

namespace sotto::tools {
namespace {

constexpr int kLabelWidth = 18;
constexpr int kCopies = 2;  // weights and sum
constexpr double kFloatBytes = 4;

void line(std::ostream& out, std::string_view label, const std::string& value) {
  fmt::print(out, "{:<{}}{}\n", label, kLabelWidth, value);
}

std::string shown_bytes(double bytes) {
  constexpr double kStep = 1024;
  constexpr std::array kUnits = {"B", "KiB", "MiB", "GiB", "TiB"};
  size_t unit = 0;
  while (bytes >= kStep && unit + 1 < kUnits.size()) bytes /= kStep, ++unit;
  return fmt::format("{:.3g} {}", bytes, kUnits[unit]);
}

std::string shown_seconds(double seconds) {
  constexpr double kMinute = 60, kHour = 3600;
  if (seconds < kMinute) return fmt::format("{:.3g} s", seconds);
  if (seconds < kHour) return fmt::format("{:.3g} min", seconds / kMinute);
  return fmt::format("{:.4g} h", seconds / kHour);
}

double best_signal(const PlanFrontier& frontier) {
  return std::ranges::max(frontier.rows, {}, &PlanRow::run_signal_to_noise).run_signal_to_noise;
}

std::string bar(double share) {
  return std::string(static_cast<size_t>(std::lround(share * kBarWidth)), '#');
}

void print_head(const PlanQuestion& question, const PlanFrontier& frontier, std::ostream& out) {
  line(out, "records", fmt::format("{} declared; add-remove: one record more or less", question.dataset_size));
  line(out, "trained", fmt::format("{} parameters; clip norm {}", question.parameters, question.clip_norm));
  line(out, "budget", fmt::format("epsilon {} at delta {}", question.budget.epsilon, question.budget.delta));
  line(out, "memory",
       fmt::format("{}, whatever the batch: 4 bytes x {} x (weights, sum, {} of {}); without activations, gradients of "
                   "records and frozen weights, of which sotto explain tells",
                   shown_bytes(plan_memory_bytes(question)), question.parameters, question.optimizer.what,
                   question.optimizer.name));
  if (question.measured)
    line(out, "time",
         fmt::format("{} s for {} records, taken to grow with the batch", question.measured->seconds,
                     question.measured->batch));
  line(out, "full batches",
       fmt::format("S/N run {:.4g}, whatever the number of steps", frontier.full_batch_signal_to_noise));
  fmt::print(out,
             "Noise: standard deviation of a coordinate, and norm, of one step's mean gradient. S/N: the most that the "
             "mean of\nclipped gradients can measure (clip norm) over that norm, an upper bound; step: of one step, "
             "run: of the mean of all.\n\n");
}

void print_rows(const PlanQuestion& question, const PlanFrontier& frontier, std::ostream& out) {
  const double best = best_signal(frontier);
  const bool timed = question.measured.has_value();
  fmt::print(out, "  {:>8} {:>9} {:>8} {:>9} {:>9} {:>10} {:>10} {:>9} {:>9} {}{:<{}}  {}\n", "batch", "steps",
             "epochs", "noise", "epsilon", "coordinate", "norm", "S/N step", "S/N run",
             timed ? fmt::format("{:>9} ", "time") : "", "", kBarWidth, "notes");
  for (size_t i = 0; i < frontier.rows.size(); ++i) {
    const PlanRow& row = frontier.rows[i];
    fmt::print(out, "{} {:>8} {:>9} {:>8.4g} {:>9} {:>9} {:>10.3g} {:>10.3g} {:>9.3g} {:>9.3g} {}{:<{}}  {}\n",
               i == frontier.suggested ? '*' : ' ', row.batch, row.steps, row.epochs,
               format_rounded_up(row.noise_multiplier, kShownDigits),
               format_bound(row.epsilon, question.budget.epsilon), row.coordinate_noise, row.noise_norm,
               row.step_signal_to_noise, row.run_signal_to_noise,
               timed ? fmt::format("{:>9} ", shown_seconds(*row.seconds)) : "", bar(row.run_signal_to_noise / best),
               kBarWidth, joined_names(row.notes));
  }
}

bool is_noted(const PlanFrontier& frontier, PlanNote note) {
  return std::ranges::any_of(frontier.rows,
                             [&](const PlanRow& row) { return std::ranges::find(row.notes, note) != row.notes.end(); });
}

nlohmann::ordered_json to_json(const PlanRow& row) {
  nlohmann::ordered_json object = {{"batch", row.batch},
                                   {"steps", row.steps},
                                   {"epochs", row.epochs},
                                   {"sampling_rate", row.sampling_rate},
                                   {"noise_multiplier", row.noise_multiplier},
                                   {"epsilon", row.epsilon},
                                   {"coordinate_noise", row.coordinate_noise},
                                   {"noise_norm", row.noise_norm},
                                   {"step_signal_to_noise", row.step_signal_to_noise},
                                   {"run_signal_to_noise", row.run_signal_to_noise}};
  if (row.seconds) object["seconds"] = *row.seconds;
  object["notes"] = nlohmann::ordered_json::array();
  for (const PlanNote note : row.notes) object["notes"].push_back(to_string(note));
  return object;
}

}  // namespace

double plan_memory_bytes(const PlanQuestion& question) {
  return kFloatBytes * static_cast<double>(question.parameters) * (kCopies + question.optimizer.copies);
}

std::string train_options_of(const PlanQuestion& question, const PlanRow& row) {
  return fmt::format("--dataset-size {} --batch {} --steps {} --epsilon {} --delta {} --clip-norm {}",
                     question.dataset_size, row.batch, row.steps, question.budget.epsilon, question.budget.delta,
                     question.clip_norm);
}

void print_plan(const PlanQuestion& question, const PlanFrontier& frontier, std::ostream& out) {
  print_head(question, frontier, out);
  print_rows(question, frontier, out);
  out << '\n';
  for (const PlanNote note : kPlanNotes)
    if (is_noted(frontier, note)) fmt::print(out, "{:<{}}{}\n", to_string(note), kLabelWidth, sentence(note));
  if (!frontier.suggested) {
    line(out, "suggested", "nothing: every row takes longer than --time-limit");
    return;
  }
  const PlanRow& row = frontier.rows[*frontier.suggested];
  line(out, "suggested",
       fmt::format("batch {}, {} steps: the smallest batch, then the fewest steps, with at most 1.1 times the least "
                   "noise in the mean of the run{}",
                   row.batch, row.steps, question.time_limit ? " among the rows within the time limit" : ""));
  line(out, "sotto train", train_options_of(question, row) + " (a preset of data has its --dataset-size)");
}

void print_plan_json(const PlanQuestion& question, const PlanFrontier& frontier, std::ostream& out) {
  nlohmann::ordered_json object = {{"dataset_size", question.dataset_size},
                                   {"parameters", question.parameters},
                                   {"epsilon", question.budget.epsilon},
                                   {"delta", question.budget.delta},
                                   {"clip_norm", question.clip_norm},
                                   {"adjacency", "add-remove"},
                                   {"optimizer", question.optimizer.name},
                                   {"memory_bytes", plan_memory_bytes(question)},
                                   {"full_batch_signal_to_noise", frontier.full_batch_signal_to_noise},
                                   {"rows", nlohmann::ordered_json::array()},
                                   {"suggested", nullptr},
                                   {"notes", nlohmann::ordered_json::object()}};
  for (const PlanRow& row : frontier.rows) object["rows"].push_back(to_json(row));
  if (frontier.suggested) {
    object["suggested"] = to_json(frontier.rows[*frontier.suggested]);
    object["suggested"]["row"] = *frontier.suggested;
    object["suggested"]["train_options"] = train_options_of(question, frontier.rows[*frontier.suggested]);
  }
  for (const PlanNote note : kPlanNotes)
    if (is_noted(frontier, note)) object["notes"][std::string(to_string(note))] = sentence(note);
  object["warnings"] = privacy::budget_warnings(question.budget, question.dataset_size);
  out << object.dump(2) << '\n';
}

}  // namespace sotto::tools

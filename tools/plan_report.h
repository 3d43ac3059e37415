#pragma once
// What `sotto plan` prints: the frontier as a table with a bar for the signal of each row, or as one JSON object.

#include <sotto/tools/plan_frontier.h>

#include <iosfwd>
#include <string>

namespace sotto::tools {

// Noise multipliers and epsilons are rounded up, epsilons never beyond the target. A bar of w of kBarWidth marks says
// that the run's signal over noise is w / kBarWidth of the best row's, to the nearest mark; the suggested row has a
// star.
void print_plan(const PlanQuestion& question, const PlanFrontier& frontier, std::ostream& out);
// The same at full precision.
void print_plan_json(const PlanQuestion& question, const PlanFrontier& frontier, std::ostream& out);

inline constexpr int kBarWidth = 20;

// The options of sotto train that make a run of this row: "--batch 2048 --steps 1172 --epsilon 3 ...". --dataset-size
// is among them, which a preset of data has of its own.
std::string train_options_of(const PlanQuestion& question, const PlanRow& row);

// 4 bytes for each trained parameter, times the weights, the sum of the batch and what the optimizer keeps.
double plan_memory_bytes(const PlanQuestion& question);

}  // namespace sotto::tools

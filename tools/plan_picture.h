#pragma once
// The frontier of `sotto plan` as a picture.

#include <sotto/tools/plan_frontier.h>

#include <string>

namespace sotto::tools {

// SVG, as plot.h draws it: signal over noise of the run, and of one step, over the batch size, both on logarithmic
// axes; a line with a mark for each row for every number of epochs or steps, and a ring round the suggested row.
std::string plan_svg(const PlanQuestion& question, const PlanFrontier& frontier);

}  // namespace sotto::tools

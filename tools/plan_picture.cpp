#include <fmt/format.h>
#include <sotto/tools/plan_picture.h>
#include <sotto/tools/plot.h>

namespace sotto::tools {
namespace {

Plot panel(const PlanQuestion& question, const PlanFrontier& frontier, const std::string& title,
           double PlanRow::*height) {
  Plot plot{.title = title,
            .x_label = "expected batch size",
            .y_label = "signal / noise, upper bound",
            .logarithmic_x = true,
            .logarithmic_y = true,
            .rising = true};
  for (const int64_t length : question.lengths) {
    PlotLine line{.name = fmt::format("{} {}", length, question.in_epochs ? "epochs" : "steps"),
                  .marks = PlotLine::Marks::dots};
    for (const PlanRow& row : frontier.rows)
      if (row.length == length) line.points.push_back({static_cast<double>(row.batch), row.*height});
    plot.lines.push_back(std::move(line));
  }
  if (frontier.suggested) {
    const PlanRow& row = frontier.rows[*frontier.suggested];
    plot.lines.push_back({.name = "suggested",
                          .marks = PlotLine::Marks::rings,
                          .points = {{static_cast<double>(row.batch), row.*height}}});
  }
  return plot;
}

}  // namespace

std::string plan_svg(const PlanQuestion& question, const PlanFrontier& frontier) {
  return draw_plots(
      {panel(question, frontier, "Mean of the whole run", &PlanRow::run_signal_to_noise),
       panel(question, frontier, "One step", &PlanRow::step_signal_to_noise)},
      {fmt::format(
          "{} records, {} trained parameters, epsilon {} at delta {}: the largest possible norm of the mean of "
          "clipped gradients over the norm of the noise.",
          question.dataset_size, question.parameters, question.budget.epsilon, question.budget.delta)});
}

}  // namespace sotto::tools

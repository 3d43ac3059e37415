#include <fmt/format.h>
#include <fmt/ranges.h>
#include <sotto/models/script_file.h>
#include <sotto/tools/explain_job.h>
#include <sotto/tools/machine_costs.h>
#include <sotto/tools/run_device.h>
#include <sotto/tools/run_model.h>
#include <sotto/tools/slow_notice.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <optional>
#include <ostream>

namespace sotto::tools {
namespace {

constexpr int64_t kReadyClasses = 10;

using Constants = std::vector<models::NamedTensor>;

std::string to_text(const optim::Explanation& explanation, const Constants& constants) {
  size_t width = std::string_view("not trained").size();
  for (const models::NamedTensor& named : constants) width = std::max(width, named.name.size());
  std::string text = constants.empty() ? "" : fmt::format("{:<{}}  sizes\n", "not trained", width);
  for (const models::NamedTensor& named : constants)
    text += fmt::format("{:<{}}  [{}]\n", named.name, width, fmt::join(named.tensor.sizes(), ", "));
  return text + (constants.empty() ? "" : "\n") + optim::to_text(explanation);
}

std::string to_short_text(const optim::Explanation& explanation) {
  std::string text;
  for (const std::string& problem : explanation.problems) text += "problem: " + problem + "\n";
  for (const std::string& note : explanation.notes) text += "note: " + note + "\n";
  return text + optim::verdict_text(explanation.verdict) + "\n";
}

std::string to_json(const optim::Explanation& explanation, const Constants& constants, const CostFigures& costs,
                    bool short_form) {
  auto json = nlohmann::ordered_json::parse(optim::to_json(explanation));
  json["kernel_costs"] = to_text(costs);
  if (short_form) {
    json.erase("parameters");
    json.erase("operators");
  } else {
    json["not_trained"] = nlohmann::json::array();
    for (const models::NamedTensor& named : constants)
      json["not_trained"].push_back({{"name", named.name}, {"sizes", named.tensor.sizes().vec()}});
  }
  return json.dump(2) + "\n";
}

}  // namespace

ExitCode explain_model_job(const TrainingJob& job) {
  const optim::StepDevice device = run_device(job.device, *job.err);
  const std::vector<int64_t> input = parse_input_sizes(job.explain.input);
  RecordShape shape{.sizes = {input.begin() + 1, input.end()}, .type = parse_input_type(job.explain.input_type)};
  const TrainOptions& o = job.options;
  const bool file = names_model_file(o.model);
  if (!file) shape.classes = kReadyClasses;
  std::optional<SlowNotice> notice;
  notice.emplace(*job.err, fmt::format("examining {} on made-up records ...", o.model));
  const auto model = make_model(o, file ? models::read_model_file(o.model) : std::string(), shape);
  shape = prepared_shape(*model, shape);
  model->move_to(device.where());
  const std::vector<int64_t> output = output_sizes(*model, shape, input[0]);
  shape.classes = output.back();
  if (output.size() == 3) shape.label_sizes = {output[1]};
  const CostFigures costs = chosen_costs(job.explain.kernel_costs, o.matmul, *job.err);
  const optim::Explanation explanation =
      explain(*model, shape, input[0],
              {.memory_bytes = job.explain.memory_bytes, .costs = to_kernel_costs(costs), .device = device});
  notice.reset();
  if (job.json) {
    *job.out << to_json(explanation, model->constants(), costs, job.explain.short_form);
  } else if (job.explain.strategy && explanation.problems.empty()) {
    *job.out << optim::strategies_text(explanation)
             << fmt::format("costs: {} ({}; product, gradient, gram, bytes per second)\n", to_text(costs),
                            job.explain.kernel_costs == kMeasuredCosts ? costs_path().string() : "as given");
  } else {
    *job.out << (job.explain.short_form ? to_short_text(explanation) : to_text(explanation, model->constants()));
  }
  const bool shown = explanation.accepted() && explanation.verdict == optim::Evidence::probed;
  return shown ? ExitCode::done : ExitCode::bad_data;
}

}  // namespace sotto::tools

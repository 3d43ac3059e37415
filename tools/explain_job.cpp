#include <sotto/models/script_model.h>
#include <sotto/tools/explain_job.h>
#include <sotto/tools/run_model.h>

#include <ostream>

namespace sotto::tools {
namespace {

constexpr int64_t kReadyClasses = 10;

}  // namespace

ExitCode explain_model_job(const TrainingJob& job) {
  const std::vector<int64_t> input = parse_input_sizes(job.explain.input);
  RecordShape shape{.sizes = {input.begin() + 1, input.end()}, .type = parse_input_type(job.explain.input_type)};
  const bool file = names_model_file(job.explain.model);
  if (!file) shape.classes = kReadyClasses;
  const auto model =
      make_model(job.explain.model, file ? models::read_model_file(job.explain.model) : std::string(), shape);
  shape = prepared_shape(*model, shape);
  const std::vector<int64_t> output = output_sizes(*model, shape, input[0]);
  shape.classes = output.back();
  if (output.size() == 3) shape.label_sizes = {output[1]};
  const optim::Explanation explanation = explain(*model, shape, input[0]);
  *job.out << (job.json ? optim::to_json(explanation) + "\n" : optim::to_text(explanation));
  const bool shown = explanation.accepted() && explanation.verdict == optim::Evidence::probed;
  return shown ? ExitCode::done : ExitCode::bad_data;
}

}  // namespace sotto::tools

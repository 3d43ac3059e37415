#include <ATen/TensorOperators.h>
#include <ATen/ops/index_select.h>
#include <fmt/format.h>
#include <sotto/tools/test_result.h>

#include <cmath>
#include <nlohmann/json.hpp>

namespace sotto::tools {
namespace {

// From the range -1 to 1, to which labels were scaled, to that which was declared.
double unit_of(const data::LabelRule& labels) {
  return (labels.high() - labels.low()) / 2;
}

const char* name_of(const TestResult& result) {
  return result.regression ? "test error" : "test accuracy";
}

std::string values_of(const TestResult& result) {
  if (result.regression) return fmt::format("{:.4f} (root mean square)", result.root_mean_square_error());
  std::string text = fmt::format("{:.4f}", result.accuracy());
  if (!result.class_one.empty()) text += fmt::format(", F1 of {} {:.4f}", result.class_one, result.f1());
  return text;
}

}  // namespace

double TestResult::f1() const {
  const int64_t both = hits.ones + hits.found_ones;
  return both == 0 ? 0.0 : 2.0 * static_cast<double>(hits.true_ones) / static_cast<double>(both);
}

double TestResult::root_mean_square_error() const {
  return std::sqrt(squared_error);
}

TestResult measure(models::TrainableModel& model, const RecordTensors& records, const DeclaredData& data) {
  TestResult result{.records = records.labels.size(0), .regression = records.labels.is_floating_point()};
  if (data.text && data.class_names.size() == 2) result.class_one = data.class_names[1];
  double sum = 0;
  for_scores(model, records, [&](const at::Tensor& scores, const at::Tensor& places) {
    const at::Tensor labels = records.labels.index_select(0, places).to(scores.device());
    if (result.regression) {
      sum += (scores.squeeze(-1) - labels).square().to(at::kDouble).sum().item<double>();
      return;
    }
    const models::Hits some = models::count_hits(scores, labels);
    result.hits.labels += some.labels;
    result.hits.correct += some.correct;
    result.hits.ones += some.ones;
    result.hits.found_ones += some.found_ones;
    result.hits.true_ones += some.true_ones;
  });
  if (result.regression) {
    const double unit = unit_of(data.text->labels());
    result.squared_error = sum * unit * unit / static_cast<double>(result.records);
  }
  return result;
}

std::string to_text(const TestResult& result) {
  return fmt::format("{} {}", name_of(result), values_of(result));
}

std::string aligned(const TestResult& result) {
  return fmt::format("{:<18}{}", name_of(result), values_of(result));
}

void add_to(nlohmann::ordered_json& object, const TestResult& result) {
  if (result.regression) {
    object["root_mean_square_error"] = result.root_mean_square_error();
    return;
  }
  object["accuracy"] = result.accuracy();
  if (!result.class_one.empty()) object["f1"] = result.f1();
}

}  // namespace sotto::tools

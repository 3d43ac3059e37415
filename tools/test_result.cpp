#include <ATen/TensorOperators.h>
#include <ATen/ops/index_select.h>
#include <fmt/format.h>
#include <sotto/tools/test_result.h>

#include <algorithm>
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
  if (result.has_f1()) text += fmt::format(", F1 of {} {:.4f}", result.class_names[1], f1(result.hits.classes.at(1)));
  return text;
}

double share(int64_t part, int64_t whole) {
  return whole == 0 ? 0.0 : static_cast<double>(part) / static_cast<double>(whole);
}

std::string name_of_class(const TestResult& result, size_t c) {
  return c < result.class_names.size() ? result.class_names[c] : fmt::format("{}", c);
}

}  // namespace

double precision(const models::ClassHits& hits) {
  return share(hits.both, hits.found);
}

double recall(const models::ClassHits& hits) {
  return share(hits.both, hits.labels);
}

double f1(const models::ClassHits& hits) {
  return share(2 * hits.both, hits.labels + hits.found);
}

double TestResult::root_mean_square_error() const {
  return std::sqrt(squared_error);
}

TestResult measure(models::TrainableModel& model, const RecordTensors& records, const DeclaredData& data) {
  TestResult result{.records = records.labels.size(0), .regression = records.labels.is_floating_point()};
  result.class_names = data.class_names;
  double sum = 0;
  for_scores(model, records, [&](const at::Tensor& scores, const at::Tensor& places) {
    const at::Tensor labels = records.labels.index_select(0, places).to(scores.device());
    if (result.regression) {
      // What is said of a record lies in the declared range, as in predict.
      sum += (scores.squeeze(-1).clamp(-1, 1) - labels).square().to(at::kDouble).sum().item<double>();
      return;
    }
    result.hits += models::count_hits(scores, labels);
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
  if (result.has_f1()) object["f1"] = f1(result.hits.classes.at(1));
}

std::string table_of_classes(const TestResult& result) {
  const std::vector<models::ClassHits>& classes = result.hits.classes;
  if (classes.empty()) return "";
  const size_t shown = std::min(classes.size(), kMostClassesShown);
  size_t width = 16;
  for (size_t c = 0; c < shown; ++c) width = std::max(width, name_of_class(result, c).size());
  std::string text =
      fmt::format("{:<{}}  {:>7}  {:>9}  {:>6}  {:>6}\n", "class", width, "labels", "precision", "recall", "F1");
  for (size_t c = 0; c < shown; ++c)
    text += fmt::format("{:<{}}  {:>7}  {:>9.4f}  {:>6.4f}  {:>6.4f}\n", name_of_class(result, c), width,
                        classes[c].labels, precision(classes[c]), recall(classes[c]), f1(classes[c]));
  if (shown < classes.size()) text += fmt::format("and {} more classes; --json has all\n", classes.size() - shown);
  return text;
}

nlohmann::ordered_json classes_to_json(const TestResult& result) {
  nlohmann::ordered_json array = nlohmann::ordered_json::array();
  for (size_t c = 0; c < result.hits.classes.size(); ++c) {
    const models::ClassHits& hits = result.hits.classes[c];
    array.push_back({{"class", name_of_class(result, c)},
                     {"labels", hits.labels},
                     {"found", hits.found},
                     {"correct", hits.both},
                     {"precision", precision(hits)},
                     {"recall", recall(hits)},
                     {"f1", f1(hits)}});
  }
  return array;
}

}  // namespace sotto::tools

#pragma once
// How well a model does on test records, which are treated as public.

#include <sotto/models/record_losses.h>
#include <sotto/tools/declared_data.h>
#include <sotto/tools/record_tensors.h>

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <string>

namespace sotto::tools {

struct TestResult {
  int64_t records = 0;
  models::Hits hits = {};  // of classes
  bool regression = false;
  double squared_error = 0;    // of a regression: its mean over the records, in the labels' unit, squared
  std::string class_one = {};  // of texts in two classes: the name of the second, whose F1 is told

  double accuracy() const { return static_cast<double>(hits.correct) / static_cast<double>(hits.labels); }
  // 2 true_ones / (ones + found_ones); 0 where nothing is or was found to be of class 1.
  double f1() const;
  double root_mean_square_error() const;
};

TestResult measure(models::TrainableModel& model, const RecordTensors& records, const DeclaredData& data);

// "test accuracy 0.9712, F1 of spam 0.9012", or "test error 0.81 (root mean square)".
std::string to_text(const TestResult& result);
// The same as a line of a table of names and values: "test accuracy     0.9712, ...".
std::string aligned(const TestResult& result);
// Adds the same under the names accuracy, f1, root_mean_square_error.
void add_to(nlohmann::ordered_json& object, const TestResult& result);

}  // namespace sotto::tools

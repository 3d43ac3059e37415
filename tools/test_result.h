#pragma once
// How well a model does on test records, which are treated as public.

#include <sotto/models/record_losses.h>
#include <sotto/tools/declared_data.h>
#include <sotto/tools/record_tensors.h>

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

namespace sotto::tools {

struct TestResult {
  int64_t records = 0;
  models::Hits hits = {};  // of classes
  bool regression = false;
  double squared_error = 0;  // of a regression: its mean over the records, in the labels' unit, squared
  std::vector<std::string> class_names = {};  // as declared; none where classes are numbers

  double accuracy() const { return static_cast<double>(hits.correct) / static_cast<double>(hits.labels); }
  double root_mean_square_error() const;
  // Of two classes with names the second is the one that is looked for, and its F1 is told.
  bool has_f1() const { return class_names.size() == 2; }
};

// Of one class: both / found, both / labels, and their harmonic mean; 0 where it is a share of nothing.
double precision(const models::ClassHits& hits);
double recall(const models::ClassHits& hits);
double f1(const models::ClassHits& hits);

TestResult measure(models::TrainableModel& model, const RecordTensors& records, const DeclaredData& data);

// "test accuracy 0.9712, F1 of spam 0.9012", or "test error 0.81 (root mean square)".
std::string to_text(const TestResult& result);
// The same as a line of a table of names and values: "test accuracy     0.9712, ...".
std::string aligned(const TestResult& result);
// Adds the same under the names accuracy, f1, root_mean_square_error.
void add_to(nlohmann::ordered_json& object, const TestResult& result);

// A line for each class, with a line of headings: how many labels are it, precision, recall, F1. Nothing for a
// regression; of more classes than kMostClassesShown the first.
inline constexpr size_t kMostClassesShown = 20;
std::string table_of_classes(const TestResult& result);
// The same of every class, as an array of objects.
nlohmann::ordered_json classes_to_json(const TestResult& result);

}  // namespace sotto::tools

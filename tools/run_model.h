#pragma once
// The model of a run or of a question: a ready network or the user's file, and what may be asked of it before a private
// record is read.

#include <sotto/models/trainable_model.h>
#include <sotto/optim/explain_model.h>
#include <sotto/optim/named_parameter.h>
#include <sotto/tools/model_flags.h>
#include <sotto/tools/training_plan.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace sotto::tools {

// What one record looks like: the public shape of the data.
struct RecordShape {
  std::vector<int64_t> sizes;  // of one input
  InputType type;
  std::vector<int64_t> label_sizes = {};  // {} for one label, {length} for one for each token, {texts} of a group
  int64_t classes = 0;                    // scores of a label
  bool regression = false;                // labels are numbers from -1 to 1, and classes is 1
};

// The model of pictures or tables that the options name, adapted as they say: a ready network, made for pictures
// [channels, height, width] or, kRowsModel, rows [features]; kMobileNet with drawn weights; or `bytes` of a file
// (script_model.h). Throws UsageError for another name, sizes that a network cannot take or layers that cannot be
// adapted, DataError for a bad file.
std::unique_ptr<models::TrainableModel> make_model(const TrainOptions& options, const std::string& bytes,
                                                   const RecordShape& shape);

// Whether what a model says of its failure is shown: on private records its words may hold their values.
enum class Told { whole, without_its_words };

// Runs work that runs the model of that name. For a file, refusals of it (UsageError) and what it raises itself become
// a DataError that names --model; all other errors pass through, as do all of a ready network.
void run_model(const std::string& name, Told told, const std::function<void()>& work);

// One loss per record, record_losses.h, of inputs and labels. Refers to the model.
optim::ProbedLosses losses_of(models::TrainableModel& model);

// As the tape takes them.
std::vector<optim::NamedParameter> trainable_parameters(const models::TrainableModel& model);
std::vector<at::Tensor> constants(const models::TrainableModel& model);

// Made-up inputs and labels of this shape: pixels from [-1, 1), tokens and labels uniform.
std::vector<optim::InputSpec> record_specs(const RecordShape& shape);

// The shape of what forward() takes where the data has this one: another one for a model that prepares its inputs.
// Measured on made-up records.
RecordShape prepared_shape(const models::TrainableModel& model, const RecordShape& shape);

// Sizes of what the model returns for `records` made-up inputs. Throws DataError naming the input when it fails on
// them, and when the result is not [records, classes] or [records, length, classes]; `classes` = 0 allows any number.
std::vector<int64_t> output_sizes(models::TrainableModel& model, const RecordShape& shape, int64_t records);

// The table, the analysis, the probe and the comparison with autograd, on made-up records with the losses of
// record_losses.h.
optim::Explanation explain(models::TrainableModel& model, const RecordShape& shape, int64_t records,
                           const optim::TapeOptions& tape = {});

}  // namespace sotto::tools

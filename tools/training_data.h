#pragma once
// The files of a run as tensors.

#include <sotto/tools/record_tensors.h>
#include <sotto/tools/run_folder.h>
#include <sotto/tools/run_model.h>
#include <sotto/tools/training_plan.h>

#include <optional>

namespace sotto::tools {

// The preset's or the user's training files. Throws DataError when they cannot be read or are not what they should be.
RecordTensors read_training_data(const TrainOptions& options, const TrainingPlan& plan);

// The user's test files, or else those of the preset; nothing when there are none. Throws DataError.
std::optional<RecordTensors> read_test_data(const TrainOptions& options, const TrainingPlan& plan);

// The shape of the records, whose values are not read.
RecordShape record_shape(const RecordTensors& records, const TrainingPlan& plan);

// The bytes of the model file: of --model when a run begins, of graph.ts in its folder later on. Empty for a ready
// network. Throws DataError when the file is missing or its SHA-256 is not that of the options.
std::string given_model_bytes(const TrainOptions& options);
std::string run_model_bytes(const RunFolder& folder, const TrainOptions& options);

}  // namespace sotto::tools

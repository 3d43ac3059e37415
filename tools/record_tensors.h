#pragma once
// Records and labels as tensors, for training and for measuring accuracy.

#include <ATen/core/Tensor.h>
#include <sotto/data/csv_table.h>
#include <sotto/data/idx.h>
#include <sotto/data/token_sequences.h>
#include <sotto/models/record_losses.h>
#include <sotto/models/trainable_model.h>
#include <sotto/optim/records.h>

#include <cstdint>

namespace sotto::tools {

struct RecordTensors {
  at::Tensor inputs;  // pictures [records, channels, height, width], bytes; tokens [records, length], int32; or floats,
                      // such as the rows of a table, [records, features]
  at::Tensor labels;  // [records] or [records, length], int64
};

RecordTensors record_tensors(const data::LabelledImages& images);
RecordTensors record_tensors(const data::LabelledSequences& sequences);
RecordTensors record_tensors(const data::Table& table);

// Bytes -> float, by the public constants of kPixelScaling in declared_data.h; tokens -> int64; floats stay.
at::Tensor as_model_input(const at::Tensor& inputs);

// Replaces the inputs by what the model makes of them once; nothing happens where it prepares nothing.
void prepare(const models::TrainableModel& model, RecordTensors& records);

// Each fetch gives what the model takes, and labels.
optim::Records labelled_records(RecordTensors records);

// How many of the labels the model finds, in evaluation mode.
models::Hits count_hits(models::TrainableModel& model, const RecordTensors& records);

}  // namespace sotto::tools

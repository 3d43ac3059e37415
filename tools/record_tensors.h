#pragma once
// Records and labels as tensors, for training and for measuring accuracy.

#include <ATen/core/Tensor.h>
#include <sotto/data/csv_table.h>
#include <sotto/data/idx.h>
#include <sotto/data/token_sequences.h>
#include <sotto/models/trainable_model.h>
#include <sotto/optim/records.h>

#include <cstdint>
#include <functional>

namespace sotto::tools {

struct RecordTensors {
  at::Tensor inputs;  // pictures [records, channels, height, width], bytes; tokens [records, length], int32, or of
                      // groups of texts [records, texts, length]; or floats, such as the rows of a table, [records,
                      // features], or what a network prepares
  at::Tensor labels;  // [records], [records, length] or [records, texts], int64, or float of a regression
  // Of texts: the width that the record's longest text needs, [records], int64, rounded up so that there are few of
  // them (text_tensors.h); what lies behind is padding, and is cut off. Records of different widths never share a
  // batch. Otherwise undefined.
  at::Tensor widths = {};
};

RecordTensors record_tensors(const data::LabelledImages& images);
RecordTensors record_tensors(const data::LabelledSequences& sequences);
RecordTensors record_tensors(const data::Table& table);

// Bytes -> float, by the public constants of kPixelScaling in declared_data.h; tokens -> int64; floats stay.
at::Tensor as_model_input(const at::Tensor& inputs);

// Replaces the inputs by what the model makes of them once; nothing happens where it prepares nothing.
void prepare(const models::TrainableModel& model, RecordTensors& records);

// Throws UsageError `refusal` for a tensor that would take most of what the machine has: the operating system would end
// the program without a word. The refusal says no number, which would tell that of the records.
void require_memory(const std::vector<int64_t>& sizes, std::size_t bytes_of_one, const char* refusal);

// Each fetch gives what the model takes, and labels. The width of a text is its bucket.
optim::Records labelled_records(RecordTensors records);

// Calls `of` with the model's scores of some records at a time, in evaluation mode, and the places of these records.
// Nothing is recorded for gradients.
void for_scores(models::TrainableModel& model, const RecordTensors& records,
                const std::function<void(const at::Tensor& scores, const at::Tensor& places)>& of);

}  // namespace sotto::tools

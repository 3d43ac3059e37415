#pragma once
// The published network for pictures, --model mobilenet, in a run.

#include <sotto/models/trainable_model.h>
#include <sotto/tools/published_folder.h>
#include <sotto/tools/run_model.h>
#include <sotto/tools/train_options.h>

#include <memory>
#include <string>

namespace sotto::tools {

// Of --model mobilenet; where a run begins or goes on. Throws DataError when they are missing or have another SHA-256
// than the options say.
PublishedWeights published_weights(const TrainOptions& options);

// models/mobilenet.h for pictures of that shape, adapted by `head` or `bias`; without weights they are drawn.
// Throws UsageError for a shape that it does not take, DataError for a bad file.
std::unique_ptr<models::TrainableModel> make_mobilenet(const RecordShape& shape, const std::string& adapt,
                                                       const PublishedWeights* weights = nullptr);

}  // namespace sotto::tools

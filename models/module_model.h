#pragma once
// A network of this library as a TrainableModel.

#include <sotto/models/trainable_model.h>
#include <sotto/models/vision.h>

#include <memory>

namespace sotto::models {

// With the preparation of the network, see vision.h.
std::unique_ptr<TrainableModel> make_module_model(std::shared_ptr<VisionModel> network);

}  // namespace sotto::models

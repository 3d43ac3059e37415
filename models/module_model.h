#pragma once
// A network of this library as a TrainableModel.

#include <sotto/models/network.h>
#include <sotto/models/trainable_model.h>

#include <memory>

namespace sotto::models {

// With the preparation of the network.
std::unique_ptr<TrainableModel> make_module_model(std::shared_ptr<Network> network);

}  // namespace sotto::models

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <sotto/models/mobilenet.h>
#include <sotto/models/module_model.h>
#include <sotto/privacy/error.h>
#include <sotto/tools/picture_network.h>
#include <sotto/tools/published_folder.h>

namespace sotto::tools {
namespace {

constexpr const char* kWeightsFile = "mobilenet_v2.safetensors";

}  // namespace

PublishedWeights published_weights(const TrainOptions& options) {
  const std::filesystem::path file = published_folder(options.model, kWeightsFile) / kWeightsFile;
  return read_weights(file, options.model_sha256);
}

std::unique_ptr<models::TrainableModel> make_mobilenet(const RecordShape& shape, const std::string& adapt,
                                                       const PublishedWeights* weights) {
  if (shape.type.tokens || shape.sizes.size() != 3)
    throw UsageError(fmt::format("[--model] {} takes pictures, [channels, height, width] each; got [{}]{}", kMobileNet,
                                 fmt::join(shape.sizes, ", "), shape.type.tokens ? " of tokens" : ""));
  const auto network = std::make_shared<models::MobileNet>(
      models::ImageShape{
          .height = shape.sizes[1], .width = shape.sizes[2], .classes = shape.classes, .channels = shape.sizes[0]},
      models::mobilenet_adaptation(adapt));
  if (weights != nullptr) models::load_published(weights->file.string(), weights->tensors, *network);
  return models::make_module_model(network);
}

}  // namespace sotto::tools

#pragma once
// MobileNetV2 (Sandler et al., "MobileNetV2: Inverted Residuals and Linear Bottlenecks", CVPR 2018, width 1) with
// published weights, as a starting point for private training on few colour pictures.
//
// Its batch norms are gone. With fixed statistics, one is the affine map g (y - m) / sqrt(v + 1e-5) + b of each channel
// y, which goes into the convolution before it: weight g / sqrt(v + 1e-5) w and bias b - g m / sqrt(v + 1e-5). Nothing
// of a batch reaches a record's result, and no statistic is ever updated. The dropout before the classifier, which
// trains the published network, is left out.
//
// Convolutions have the names of the published file, classifier.1 is a linear layer from 1280 features to the classes:
// 2,189,760 weights and 17,056 biases of 52 convolutions, 1281 numbers for each class.

#include <sotto/models/state.h>
#include <sotto/models/vision.h>

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace sotto::models {

// What is trained:
//   head   the classifier. The features are a fixed function of each picture, and prepare() computes them once
//   bias   the classifier and the biases of all convolutions
enum class MobileNetAdaptation { head, bias };
MobileNetAdaptation mobilenet_adaptation(std::string_view name);  // throws UsageError for another name

class MobileNet : public VisionModel {
 public:
  // Pictures are enlarged by the least whole factor with which both sides reach least_side. Weights are drawn (He et
  // al., 2015), biases and the classifier are zero. Throws UsageError for channels other than 1 or 3, or a size out of
  // range.
  MobileNet(const ImageShape& shape, MobileNetAdaptation adaptation, int64_t least_side = kLeastSide);

  // Pictures [batch, channels, height, width] from -1 to 1 -> [batch, 1280]. A grey picture is one of three equal
  // channels; small ones are enlarged by linear interpolation; colours are scaled as those of the published network,
  // by public constants.
  at::Tensor features(const at::Tensor& pictures) const;

  // `head`: the features, and the classifier's scores of them. `bias`: the pictures, and scores of pictures.
  at::Tensor prepare(const at::Tensor& pictures) const override;
  bool prepares() const override { return adaptation_ == MobileNetAdaptation::head; }
  at::Tensor forward(const at::Tensor& prepared) override;

  // The published network's own function, of channels scaled already: [batch, 3, height, width] -> [batch, 1280].
  at::Tensor trunk(const at::Tensor& scaled) const;

  static constexpr int64_t kFeatures = 1280;
  // The published network was trained on sides of 224 and takes 32. Larger pictures give better features at a cost that
  // grows with their pixels.
  static constexpr int64_t kLeastSide = 128, kMostLeastSide = 1024;

 private:
  friend std::vector<std::string> load_published(const std::string& source, const std::vector<NamedTensor>& stored,
                                                 MobileNet& network, bool classifier);
  struct Convolution {
    std::string name;
    at::Tensor weight = {}, bias = {};
    int64_t stride = 1, groups = 1;
    bool bounded = true;  // followed by ReLU6
  };
  struct Block {
    std::vector<Convolution> convolutions = {};
    bool shortcut = false;  // the block's input is added to its result
  };

  Convolution convolution(const std::string& name, int64_t inputs, int64_t outputs, int64_t size, int64_t stride,
                          bool depthwise);
  Block inverted_residual(const std::string& name, int64_t inputs, int64_t outputs, int64_t stride, int64_t expansion);

  MobileNetAdaptation adaptation_;
  int64_t height_, width_;  // as the network sees the pictures
  std::vector<Block> blocks_;
  at::Tensor classifier_weight_, classifier_bias_, colour_scale_, colour_shift_;
};

// Fills the convolutions from the published file (tools/fetch_data.sh mobilenet), folding its batch norms in double,
// and with `classifier` also the classifier, which must then have 1000 classes. Returns the names of the tensors that
// were left over, sorted: the counters of the batch norms, and the classifier. Throws DataError that lists what is
// missing, of another shape or besides these in the file, and for a variance that is negative or no number; then
// nothing was changed.
std::vector<std::string> load_published(const std::filesystem::path& path, MobileNet& network, bool classifier = false);
// The same of tensors that were read; `source` names them in messages.
std::vector<std::string> load_published(const std::string& source, const std::vector<NamedTensor>& stored,
                                        MobileNet& network, bool classifier = false);

}  // namespace sotto::models

#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/conv2d.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/hardtanh.h>
#include <ATen/ops/linear.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/upsample_bilinear2d.h>
#include <ATen/ops/zeros.h>
#include <fmt/format.h>
#include <sotto/models/frozen.h>
#include <sotto/models/mobilenet.h>
#include <sotto/models/state.h>
#include <sotto/privacy/error.h>
#include <torch/nn/init.h>

#include <algorithm>
#include <array>
#include <charconv>

namespace sotto::models {
namespace {

namespace nn = torch::nn;

constexpr double kNormEpsilon = 1e-5;
constexpr double kBound = 6;                // of ReLU6
constexpr int64_t kPixelsAtOnce = 1 << 17;  // in prepare(): bounds what the widest layer holds

// Of channels from 0 to 1, over ImageNet: what the published network was trained with.
constexpr std::array<double, 3> kMean = {0.485, 0.456, 0.406}, kDeviation = {0.229, 0.224, 0.225};

// From channels x of -1 to 1: ((x + 1) / 2 - mean) / deviation = scale x + shift.
at::Tensor of_colours(double (*value)(double mean, double deviation)) {
  std::vector<float> values;
  for (size_t c = 0; c < kMean.size(); ++c) values.push_back(static_cast<float>(value(kMean[c], kDeviation[c])));
  return at::tensor(values).view({3, 1, 1});
}

// The module of a dotted name below `root`, made where it is missing.
std::shared_ptr<nn::Module> at_name(nn::Module& root, const std::string& name) {
  const size_t dot = name.find('.');
  const std::string first = name.substr(0, dot);
  const auto children = root.named_children();
  const auto child =
      children.contains(first) ? children[first] : root.register_module(first, std::make_shared<nn::Module>());
  return dot == std::string::npos ? child : at_name(*child, name.substr(dot + 1));
}

// The batch norm of features.0.0 is features.0.1.
std::string norm_after(const std::string& convolution) {
  const size_t dot = convolution.rfind('.');
  int place = 0;
  std::from_chars(convolution.data() + dot + 1, convolution.data() + convolution.size(), place);
  return fmt::format("{}.{}", convolution.substr(0, dot), place + 1);
}

}  // namespace

MobileNetAdaptation mobilenet_adaptation(std::string_view name) {
  if (name == "head") return MobileNetAdaptation::head;
  if (name == "bias") return MobileNetAdaptation::bias;
  throw UsageError(fmt::format("[mobilenet_adaptation] unknown value: '{}'; allowed are head, bias", name));
}

MobileNet::Convolution MobileNet::convolution(const std::string& name, int64_t inputs, int64_t outputs, int64_t size,
                                              int64_t stride, bool depthwise) {
  const auto module = at_name(*this, name);
  Convolution result{.name = name, .stride = stride, .groups = depthwise ? outputs : 1};
  result.weight =
      module->register_parameter("weight", at::empty({outputs, inputs / result.groups, size, size}, at::kFloat));
  result.bias = module->register_parameter("bias", at::zeros({outputs}, at::kFloat));
  nn::init::kaiming_normal_(result.weight, 0, torch::kFanIn, torch::kReLU);
  return result;
}

MobileNet::Block MobileNet::inverted_residual(const std::string& name, int64_t inputs, int64_t outputs, int64_t stride,
                                              int64_t expansion) {
  const int64_t wide = inputs * expansion;
  Block block{.shortcut = stride == 1 && inputs == outputs};
  int64_t place = 0;
  const auto next = [&](const char* inside) { return fmt::format("{}.conv.{}{}", name, place++, inside); };
  if (expansion != 1) block.convolutions.push_back(convolution(next(".0"), inputs, wide, 1, 1, false));
  block.convolutions.push_back(convolution(next(".0"), wide, wide, 3, stride, true));
  block.convolutions.push_back(convolution(next(""), wide, outputs, 1, 1, false));
  block.convolutions.back().bounded = false;
  return block;
}

MobileNet::MobileNet(const ImageShape& shape, MobileNetAdaptation adaptation, int64_t least_side)
    : adaptation_(adaptation) {
  check(shape);
  if (least_side < 1 || least_side > kMostLeastSide)
    throw UsageError(fmt::format("[MobileNet] least side: {}; must be 1 to {}", least_side, kMostLeastSide));
  if (shape.channels != 1 && shape.channels != 3)
    throw UsageError(fmt::format("[MobileNet] pictures of {} channels; must be 1 or 3", shape.channels));
  const int64_t side = std::min(shape.height, shape.width), factor = (least_side + side - 1) / side;
  height_ = shape.height * factor;
  width_ = shape.width * factor;

  struct Stage {
    int64_t expansion, channels, blocks, stride;
  };
  constexpr std::array<Stage, 7> kStages = {
      {{1, 16, 1, 1}, {6, 24, 2, 2}, {6, 32, 3, 2}, {6, 64, 4, 2}, {6, 96, 3, 1}, {6, 160, 3, 2}, {6, 320, 1, 1}}};
  const auto name = [&] { return fmt::format("features.{}", blocks_.size()); };
  int64_t channels = 32;
  blocks_.push_back({.convolutions = {convolution(name() + ".0", 3, channels, 3, 2, false)}});
  for (const Stage& stage : kStages) {
    for (int64_t b = 0; b < stage.blocks; ++b) {
      blocks_.push_back(
          inverted_residual(name(), channels, stage.channels, b == 0 ? stage.stride : 1, stage.expansion));
      channels = stage.channels;
    }
  }
  blocks_.push_back({.convolutions = {convolution(name() + ".0", channels, kFeatures, 1, 1, false)}});

  const auto classifier = at_name(*this, "classifier.1");
  classifier_weight_ = classifier->register_parameter("weight", at::zeros({shape.classes, kFeatures}, at::kFloat));
  classifier_bias_ = classifier->register_parameter("bias", at::zeros({shape.classes}, at::kFloat));
  colour_scale_ = register_buffer("colour_scale", of_colours([](double, double deviation) { return 0.5 / deviation; }));
  colour_shift_ = register_buffer("colour_shift",
                                  of_colours([](double mean, double deviation) { return (0.5 - mean) / deviation; }));
  if (adaptation == MobileNetAdaptation::head)
    train_only(*this, {"classifier.*"});
  else
    train_only(*this, {"classifier.*", "features.*.bias"});
}

at::Tensor MobileNet::trunk(const at::Tensor& scaled) const {
  at::Tensor x = scaled;
  for (const Block& block : blocks_) {
    const at::Tensor input = x;
    for (const Convolution& c : block.convolutions) {
      const int64_t padding = c.weight.size(-1) / 2;
      x = at::conv2d(x, c.weight, c.bias, {c.stride, c.stride}, {padding, padding}, {1, 1}, c.groups);
      if (c.bounded) x = at::hardtanh(x, 0, kBound);
    }
    if (block.shortcut) x = x + input;
  }
  return x.mean({2, 3});
}

at::Tensor MobileNet::features(const at::Tensor& pictures) const {
  at::Tensor x = pictures * colour_scale_ + colour_shift_;
  if (x.size(2) != height_ || x.size(3) != width_) x = at::upsample_bilinear2d(x, {height_, width_}, false);
  return trunk(x);
}

at::Tensor MobileNet::prepare(const at::Tensor& pictures) const {
  if (!prepares()) return pictures;
  const int64_t count = pictures.size(0), at_once = std::max<int64_t>(1, kPixelsAtOnce / (height_ * width_));
  std::vector<at::Tensor> parts;
  for (int64_t begin = 0; begin < count || parts.empty(); begin += at_once)
    parts.push_back(features(pictures.slice(0, begin, std::min(begin + at_once, count))));
  return at::cat(parts);
}

at::Tensor MobileNet::forward(const at::Tensor& prepared) {
  return at::linear(prepares() ? prepared : features(prepared), classifier_weight_, classifier_bias_);
}

std::vector<std::string> load_published(const std::filesystem::path& path, MobileNet& network, bool classifier) {
  return load_published(path.string(), read_state(path), network, classifier);
}

std::vector<std::string> load_published(const std::string& source, const std::vector<NamedTensor>& stored,
                                        MobileNet& network, bool classifier) {
  struct Folded {
    at::Tensor weight, factor, shift, mean, variance;  // of the file, in double
    const MobileNet::Convolution* into;
  };
  std::vector<Folded> all;
  std::vector<NamedTensor> tensors;
  PublishedNames names;
  for (const MobileNet::Block& block : network.blocks_) {
    for (const MobileNet::Convolution& c : block.convolutions) {
      const auto empty = [](at::IntArrayRef sizes) { return at::empty(sizes, at::kDouble); };
      const auto channels = c.bias.sizes();
      all.push_back({empty(c.weight.sizes()), empty(channels), empty(channels), empty(channels), empty(channels), &c});
      const std::string norm = norm_after(c.name);
      tensors.push_back({c.name + ".weight", all.back().weight});
      tensors.push_back({norm + ".weight", all.back().factor});
      tensors.push_back({norm + ".bias", all.back().shift});
      tensors.push_back({norm + ".running_mean", all.back().mean});
      tensors.push_back({norm + ".running_var", all.back().variance});
      names.left_over.push_back(norm + ".num_batches_tracked");
    }
  }
  at::Tensor weight = at::empty(network.classifier_weight_.sizes(), at::kDouble),
             bias = at::empty(network.classifier_bias_.sizes(), at::kDouble);
  if (classifier) {
    tensors.push_back({"classifier.1.weight", weight});
    tensors.push_back({"classifier.1.bias", bias});
  } else {
    names.left_over.emplace_back("classifier.1.");
  }
  std::vector<std::string> left_over = load_published(source, stored, tensors, names);
  for (const Folded& f : all) {
    if (!f.variance.ge(0).all().item<bool>())
      throw DataError(
          fmt::format("[load_published] {}: '{}.running_var' holds a variance that is negative or no number", source,
                      norm_after(f.into->name)));
  }
  const at::NoGradGuard no_grad;
  for (const Folded& f : all) {
    const at::Tensor factor = f.factor / (f.variance + kNormEpsilon).sqrt();
    f.into->weight.copy_(f.weight * factor.view({-1, 1, 1, 1}));
    f.into->bias.copy_(f.shift - f.mean * factor);
  }
  if (classifier) {
    network.classifier_weight_.copy_(weight);
    network.classifier_bias_.copy_(bias);
  }
  return left_over;
}

}  // namespace sotto::models

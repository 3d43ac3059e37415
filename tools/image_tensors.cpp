#include <ATen/core/grad_mode.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/index_select.h>
#include <sotto/tools/image_tensors.h>

#include <algorithm>

namespace sotto::tools {
namespace {

constexpr int64_t kEvaluationBatch = 500;
constexpr double kLargestPixel = 255;

}  // namespace

ImageTensors image_tensors(const data::LabelledImages& images) {
  ImageTensors result{at::empty({images.count, images.channels, images.height, images.width}, at::kByte),
                      at::empty({images.count}, at::kLong)};
  std::ranges::copy(images.pixels, result.pixels.mutable_data_ptr<uint8_t>());
  std::ranges::copy(images.labels, result.labels.mutable_data_ptr<int64_t>());
  return result;
}

at::Tensor scaled(const at::Tensor& pixels) {
  if (pixels.scalar_type() == at::kFloat) return pixels;
  return pixels.to(at::kFloat).div_(kLargestPixel / 2).sub_(1);
}

void prepare(const models::VisionModel& model, ImageTensors& images) {
  if (!model.prepares()) return;
  const at::NoGradGuard no_grad;
  const int64_t count = images.labels.size(0);
  at::Tensor prepared;
  for (int64_t begin = 0; begin < count; begin += kEvaluationBatch) {
    const int64_t end = std::min(begin + kEvaluationBatch, count);
    const at::Tensor some = model.prepare(scaled(images.pixels.slice(0, begin, end)));
    if (!prepared.defined()) {
      std::vector<int64_t> sizes = some.sizes().vec();
      sizes[0] = count;
      prepared = at::empty(sizes, some.options());
    }
    prepared.slice(0, begin, end).copy_(some);
  }
  images.pixels = std::move(prepared);
}

optim::Records image_records(ImageTensors images) {
  const int64_t count = images.labels.size(0);
  return {count, [images = std::move(images)](const at::Tensor& indices) {
            return std::vector<at::Tensor>{scaled(images.pixels.index_select(0, indices)),
                                           images.labels.index_select(0, indices)};
          }};
}

int64_t count_correct(models::VisionModel& model, const ImageTensors& images) {
  const at::NoGradGuard no_grad;
  int64_t correct = 0;
  for (int64_t begin = 0; begin < images.labels.size(0); begin += kEvaluationBatch) {
    const int64_t end = std::min(begin + kEvaluationBatch, images.labels.size(0));
    const at::Tensor logits = model.forward(scaled(images.pixels.slice(0, begin, end)));
    correct += logits.argmax(1).eq(images.labels.slice(0, begin, end)).sum().item<int64_t>();
  }
  return correct;
}

}  // namespace sotto::tools

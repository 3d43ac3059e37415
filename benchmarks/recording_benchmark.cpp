// What the tape adds to a forward pass: an encoder with the operators of `sotto bench step --model encoder`, but so
// small that recording is most of the time. Recording costs the same per operator whatever the sizes are, so
//   recorded - forward
// is its cost in the full encoder too; compare it with the private step that `sotto bench step` prints.

#include <ATen/Parallel.h>
#include <benchmark/benchmark.h>
#include <sotto/models/encoder.h>
#include <sotto/optim/private_training.h>
#include <sotto/optim/recorder.h>
#include <torch/torch.h>

namespace {

using torch::Tensor;

struct Subject {
  sotto::models::Encoder network{
      sotto::models::EncoderOptions{.vocabulary = 16, .width = 8, .heads = 2, .feed_forward = 16}};
  std::vector<Tensor> inputs = {torch::randint(16, {2, 4}), torch::randint(2, {2})};
  std::vector<sotto::optim::NamedParameter> parameters = sotto::optim::trainable_parameters(*network);
  std::vector<Tensor> constants = network->buffers();

  Subject() { at::set_num_threads(1); }
  Tensor losses() {
    return torch::nn::functional::cross_entropy(
        network->forward(inputs[0]), inputs[1],
        torch::nn::functional::CrossEntropyFuncOptions().reduction(torch::kNone));
  }
};

void forward(benchmark::State& state) {
  Subject subject;
  for (auto _ : state) benchmark::DoNotOptimize(subject.losses());
}
BENCHMARK(forward)->Unit(benchmark::kMicrosecond);

void recorded(benchmark::State& state) {
  Subject subject;
  for (auto _ : state) {
    benchmark::DoNotOptimize(
        sotto::optim::record(subject.parameters, subject.constants, subject.inputs, [&] { return subject.losses(); }));
  }
}
BENCHMARK(recorded)->Unit(benchmark::kMicrosecond);

}  // namespace

BENCHMARK_MAIN();

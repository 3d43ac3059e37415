// The processor's kernels of per-record gradients and norms, one thread, float: seconds, operations and bytes per
// second. Shapes are those of layers of the benchmark models.
//
//   taskset -c 0 build/release/benchmarks/kernel_benchmark

#include <benchmark/benchmark.h>
#include <sotto/kernels/convolution_norms.h>
#include <sotto/kernels/embedding_norms.h>
#include <sotto/kernels/gram_norms.h>
#include <sotto/kernels/lstm_steps.h>
#include <sotto/kernels/normalisation_rows.h>
#include <sotto/kernels/squared_norms.h>
#include <sotto/kernels/tile_norms.h>
#include <sotto/kernels/weighted_product.h>

#include <cstdint>
#include <random>
#include <vector>

namespace {

using namespace sotto::kernels;

std::vector<float> normals(std::size_t count) {
  std::mt19937_64 generator(1);
  std::normal_distribution<float> normal;
  std::vector<float> values(count);
  for (float& value : values) value = normal(generator);
  return values;
}

// Operations that the result asks for, a multiply-add being two, and elements of arrays, each once.
void count(benchmark::State& state, std::size_t operations, std::size_t elements) {
  const auto rate = [&](std::size_t amount) {
    return benchmark::Counter(static_cast<double>(amount) * static_cast<double>(state.iterations()),
                              benchmark::Counter::kIsRate);
  };
  state.counters["op/s"] = rate(operations);
  state.counters["B/s"] = rate(elements * sizeof(float));
}

std::size_t argument(const benchmark::State& state, std::size_t number) {
  return static_cast<std::size_t>(state.range(number));
}

OuterShape outer_shape(const benchmark::State& state) {
  const std::size_t t = argument(state, 1), p = argument(state, 2), d = argument(state, 3);
  return {argument(state, 0), t, p, d, t * p, p, t * d, d};
}

void gram(benchmark::State& state) {
  const OuterShape s = outer_shape(state);
  const auto left = normals(s.records * s.left_record_stride), right = normals(s.records * s.right_record_stride);
  std::vector<unsigned char> scratch(gram_norm_scratch<float>(s));
  std::vector<double> computed(s.records), bound(s.records);
  for (auto iteration : state) gram_norms(s, left.data(), right.data(), scratch.data(), computed.data(), bound.data());
  count(state, left.size() * (s.positions + 1) + right.size() * (s.positions + 1), left.size() + right.size());
}

void tiles(benchmark::State& state, bool keep) {
  const OuterShape s = outer_shape(state);
  const auto left = normals(s.records * s.left_record_stride), right = normals(s.records * s.right_record_stride);
  const std::size_t elements = s.left_columns * s.right_columns;
  std::vector<unsigned char> scratch(tile_norm_scratch<float>(s));
  std::vector<float> kept(keep ? s.records * elements : 0);
  std::vector<double> computed(s.records);
  for (auto iteration : state)
    tile_norms(s, left.data(), right.data(), keep ? kept.data() : nullptr, elements, scratch.data(), computed.data());
  count(state, 2 * s.records * elements * s.positions, left.size() + right.size() + kept.size());
}

void product(benchmark::State& state) {
  const OuterShape s = outer_shape(state);
  const auto left = normals(s.records * s.left_record_stride), right = normals(s.records * s.right_record_stride);
  const std::vector<float> scale(s.records, 0.5f);
  std::vector<float> sum(s.left_columns * s.right_columns);
  std::vector<unsigned char> scratch(weighted_product_scratch<float>(s));
  for (auto iteration : state)
    add_weighted_product(s, left.data(), right.data(), scale.data(), scale.data(), sum.data(), s.right_columns,
                         scratch.data());
  count(state, 2 * s.records * s.positions * sum.size(), left.size() + right.size() + sum.size());
}

// Steps, records, input and hidden values; the layer forwards, and its gradients with those of the input.
void lstm(benchmark::State& state, bool back) {
  const LstmShape s{.steps = argument(state, 0),
                    .records = argument(state, 1),
                    .all_records = argument(state, 1),
                    .inputs = argument(state, 2),
                    .hidden = argument(state, 3)};
  const std::size_t rows = s.steps * s.records, wide = 4 * s.hidden;
  const auto input = normals(rows * s.inputs), input_weight = normals(wide * s.inputs),
             weight = normals(wide * s.hidden);
  auto activations = normals(rows * wide), h = normals((rows + s.records) * s.hidden), c = h, of_gates = activations,
       of_h = normals(s.records * s.hidden), of_c = of_h, of_input = input;
  std::vector<unsigned char> scratch(lstm_scratch(s));
  for (auto iteration : state) {
    if (back) {
      lstm_steps_back(s, activations.data(), c.data(), weight.data(), h.data(), of_gates.data(), of_h.data(),
                      of_c.data(), scratch.data());
      lstm_input_back(s, of_gates.data(), input_weight.data(), of_input.data(), scratch.data());
    } else {
      lstm_steps(s, input.data(), input_weight.data(), weight.data(), nullptr, activations.data(), h.data(), c.data(),
                 scratch.data());
    }
  }
  count(state, 2 * rows * wide * (s.inputs + s.hidden), input.size() + activations.size() + 2 * h.size());
}

// Records, channels, height and width, outputs, kernel, stride, padding.
void convolution(benchmark::State& state) {
  ConvolutionShape s{.records = argument(state, 0),
                     .channels = argument(state, 1),
                     .height = argument(state, 2),
                     .width = argument(state, 2),
                     .outputs = argument(state, 3)};
  s.kernel_height = s.kernel_width = argument(state, 4);
  s.stride_y = s.stride_x = argument(state, 5);
  s.padding_y = s.padding_x = argument(state, 6);
  s.out_height = s.out_width = (s.height + 2 * s.padding_y - s.kernel_height) / s.stride_y + 1;
  s.image_record_stride = s.channels * s.height * s.width;
  s.gradient_record_stride = s.outputs * s.out_height * s.out_width;
  const auto image = normals(s.records * s.image_record_stride),
             gradient = normals(s.records * s.gradient_record_stride);
  const std::size_t elements = convolution_elements(s);
  std::vector<unsigned char> scratch(convolution_norm_scratch<float>(s));
  std::vector<float> kept(s.records * elements);
  std::vector<double> computed(s.records);
  for (auto iteration : state)
    convolution_norms(s, image.data(), gradient.data(), kept.data(), elements, scratch.data(), computed.data());
  count(state, 2 * kept.size() * s.out_height * s.out_width, image.size() + gradient.size() + kept.size());
}

// Records, positions, positions per row, columns, tokens of the vocabulary.
void embedding(benchmark::State& state) {
  const std::size_t positions = argument(state, 1), per_row = argument(state, 2), columns = argument(state, 3);
  const EmbeddingShape s{
      argument(state, 0), positions, per_row, columns, positions, positions / per_row * columns, columns};
  std::mt19937_64 generator(2);
  std::vector<std::int64_t> tokens(s.records * positions);
  for (auto& token : tokens) token = static_cast<std::int64_t>(generator() % argument(state, 4));
  const auto scale = normals(tokens.size()), gradient = normals(s.records * s.gradient_record_stride);
  std::vector<unsigned char> scratch(embedding_norm_scratch(s));
  std::vector<double> computed(s.records), bound(s.records);
  for (auto iteration : state)
    embedding_norms(s, tokens.data(), per_row > 1 ? scale.data() : nullptr, gradient.data(), scratch.data(),
                    computed.data(), bound.data());
  count(state, 4 * tokens.size() * columns, 2 * tokens.size() + gradient.size());
}

// Records, outer places, channels, inner places, channels per statistic.
void normalisation(benchmark::State& state) {
  const std::size_t outer = argument(state, 1), channels = argument(state, 2), inner = argument(state, 3);
  const std::size_t elements = outer * channels * inner, groups = channels / argument(state, 4);
  const NormalisationShape s{argument(state, 0), outer,          channels, inner, elements, elements,
                             argument(state, 4), outer * groups, groups};
  const auto input = normals(s.records * elements), gradient = normals(s.records * elements);
  const auto mean = normals(s.records * outer * groups), deviation = normals(s.records * outer * groups);
  std::vector<float> scale(s.records * channels), shift(s.records * channels);
  for (auto iteration : state)
    normalisation_rows(s, input.data(), mean.data(), deviation.data(), gradient.data(), scale.data(), shift.data());
  count(state, 5 * input.size(), 2 * input.size());
}

void weighted_sum(benchmark::State& state) {
  const std::size_t rows = argument(state, 0), columns = argument(state, 1);
  const auto values = normals(rows * columns), weights = normals(rows);
  std::vector<float> total(columns);
  for (auto iteration : state)
    add_weighted_row_sum(values.data(), rows, columns, columns, weights.data(), total.data());
  count(state, 2 * values.size(), values.size());
}

void squared_norms(benchmark::State& state) {
  const std::size_t rows = argument(state, 0), columns = argument(state, 1);
  const auto values = normals(rows * columns);
  std::vector<double> norms(rows);
  for (auto iteration : state) add_row_squared_norms(values.data(), rows, columns, columns, norms.data());
  count(state, 2 * values.size(), values.size());
}

void of_linear_layers(benchmark::internal::Benchmark* benchmark) {
  benchmark->Args({16, 128, 384, 384})->Args({16, 128, 384, 1536})->Args({64, 64, 128, 128})->Args({128, 16, 64, 64});
}

BENCHMARK(gram)->Apply(of_linear_layers);
BENCHMARK_CAPTURE(tiles, keep, true)->Apply(of_linear_layers);
BENCHMARK_CAPTURE(tiles, drop, false)->Apply(of_linear_layers);
BENCHMARK(product)->Args({512, 1, 1024, 784})->Apply(of_linear_layers);
BENCHMARK_CAPTURE(lstm, forward, false)->Args({64, 32, 100, 100});
BENCHMARK_CAPTURE(lstm, back, true)->Args({64, 32, 100, 100});
BENCHMARK(convolution)
    ->Args({512, 1, 28, 16, 8, 2, 3})
    ->Args({512, 16, 13, 32, 4, 2, 0})
    ->Args({128, 16, 32, 16, 3, 1, 1})
    ->Args({128, 32, 16, 64, 3, 1, 1})
    ->Args({128, 64, 8, 64, 3, 1, 1});
BENCHMARK(embedding)->Args({16, 128, 1, 384, 10000})->Args({64, 64, 1, 128, 30})->Args({256, 64, 64, 128, 30000});
BENCHMARK(normalisation)->Args({16, 128, 384, 1, 384})->Args({128, 1, 16, 1024, 4})->Args({128, 1, 64, 64, 4});
BENCHMARK(weighted_sum)->Args({512, 8224})->Args({16, 1770000});
BENCHMARK(squared_norms)->Args({512, 8224})->Args({16, 1770000});

}  // namespace

BENCHMARK_MAIN();

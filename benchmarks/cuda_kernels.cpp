// Times every launcher of the CUDA kernels on a device and sets it beside the bytes and operations that it needs.
// tools/gpu_check.sh builds and runs it.

#include <sotto/kernels/device_array.h>
#include <sotto/privacy/error.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <functional>
#include <string>
#include <vector>

namespace sotto::kernels {
namespace {

constexpr const char* kHelp =
    "Times every launcher of the CUDA kernels on a device.\n"
    "\n"
    "  cuda_kernels [--device N] [--library FILE] [--elements N]\n"
    "  cuda_kernels --list        the devices of this machine\n"
    "\n"
    "  --device N      device to use (default 0)\n"
    "  --library FILE  libsotto_cuda.so of this build (default)\n"
    "  --elements N    elements of the largest array (default 16777216)\n"
    "\n"
    "Columns: microseconds per launch, the median of 5 runs of as many launches as take 20 ms, between two waits for "
    "the\n"
    "stream; gigabytes per second of what it reads and writes; gigaflop per second in floating point, integer "
    "operations\n"
    "of the noise not counted. Recorded figures: benchmarks/README.md.\n";

constexpr std::uint32_t kKey[8] = {1, 2, 3, 4, 5, 6, 7, 8};

struct Arguments {
  std::string library = SOTTO_CUDA_LIBRARY;
  int device = 0;
  std::size_t elements = std::size_t{1} << 24;
  bool list = false, help = false;
};

std::size_t number(const std::string& flag, const std::string& text) {
  std::size_t end = 0;
  unsigned long value = 0;
  try {
    value = std::stoul(text, &end);
  } catch (const std::exception&) {
    end = 0;
  }
  if (end == 0 || end != text.size() || text[0] == '-' || value > 1UL << 32U)
    throw UsageError("[" + flag + "] " + text + "; must be a whole number up to 4294967296");
  return value;
}

Arguments parse(const std::vector<std::string>& words) {
  Arguments arguments;
  for (std::size_t i = 0; i < words.size(); ++i) {
    const std::string& flag = words[i];
    if (flag == "--list") {
      arguments.list = true;
    } else if (flag == "-h" || flag == "--help") {
      arguments.help = true;
    } else if (i + 1 < words.size() && flag == "--library") {
      arguments.library = words[++i];
    } else if (i + 1 < words.size() && flag == "--device") {
      arguments.device = static_cast<int>(number(flag, words[++i]));
    } else if (i + 1 < words.size() && flag == "--elements") {
      arguments.elements = std::max<std::size_t>(number(flag, words[++i]), 1);
    } else {
      throw UsageError("[cuda_kernels] unknown or unfinished option " + flag + "; see --help");
    }
  }
  return arguments;
}

class Table {
 public:
  explicit Table(const DeviceStream& stream) : stream_(stream) {
    std::printf("%-34s %12s %10s %10s\n", "launcher", "us", "GB/s", "Gflop/s");
  }

  void row(const std::string& name, const KernelCost& cost, const std::function<void()>& launch) const {
    seconds_of(1, launch);  // loads the kernel
    const auto launches = static_cast<int>(std::clamp(0.02 / seconds_of(1, launch), 1.0, 1000.0));
    double seconds[5];
    for (double& run : seconds) run = seconds_of(launches, launch);
    std::nth_element(seconds, seconds + 2, seconds + 5);
    const double median = seconds[2];
    std::printf("%-34s %12.1f %10.1f %10.1f\n", name.c_str(), 1e6 * median,
                1e-9 * static_cast<double>(cost.bytes_read + cost.bytes_written) / median,
                1e-9 * static_cast<double>(cost.flops) / median);
  }

 private:
  double seconds_of(int launches, const std::function<void()>& launch) const {
    stream_.synchronize();
    const auto begin = std::chrono::steady_clock::now();
    for (int i = 0; i < launches; ++i) launch();
    stream_.synchronize();
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count() / launches;
  }

  const DeviceStream& stream_;
};

void run_release(const DeviceStream& stream, const Table& table, std::size_t count) {
  const CudaBackend& backend = stream.backend();
  const DeviceArray<float> sum(stream, std::vector<float>(count, 1.0F)), p(stream, std::vector<float>(count, 1.0F));
  const DeviceArray<float> mean(stream, std::vector<float>(count, 0.0F));
  const DeviceArray<float> square(stream, std::vector<float>(count, 1.0F));
  const DeviceArray<DeviceStep> step(stream, {{1, 2, adam_correction(0.9, 0.999, 2)}});
  const DeviceArray<std::uint32_t> noise_step(stream, {1U});
  const DeviceTensorNoise noise{kKey, step.get(), 0, 0, 1.0, 256.0};
  const std::string size = " " + std::to_string(count);
  table.row("add_gaussian_noise" + size, cuda::add_gaussian_noise_cost<float>(count), [&] {
    backend.add_noise_float(CudaBackend::Key(kKey), {noise_step.get(), 0}, 0, count, 1.0, sum.get(), stream,
                            kDeviceBlock);
  });
  table.row("noisy_sgd_update" + size, cuda::noisy_sgd_update_cost<float>(count, false), [&] {
    backend.sgd_update_float(noise, count, sum.get(), {.parameter = p.get(), .learning_rate = 1e-3}, stream,
                             kDeviceBlock);
  });
  const SgdUpdate<float> moving{.parameter = p.get(), .velocity = mean.get(), .learning_rate = 1e-3, .momentum = 0.9};
  table.row("noisy_sgd_update, momentum" + size, cuda::noisy_sgd_update_cost<float>(count, true),
            [&] { backend.sgd_update_float(noise, count, sum.get(), moving, stream, kDeviceBlock); });
  table.row("noisy_adam_update" + size, cuda::noisy_adam_update_cost<float>(count), [&] {
    backend.adam_update_float(noise, count, sum.get(), {p.get(), mean.get(), square.get(), 1e-3}, stream, kDeviceBlock);
  });
}

void run_rows(const DeviceStream& stream, const Table& table, std::size_t rows, std::size_t columns) {
  const CudaBackend& backend = stream.backend();
  const DeviceArray<float> values(stream, std::vector<float>(rows * columns, 0.5F));
  const DeviceArray<float> weights(stream, std::vector<float>(rows, 0.5F));
  const DeviceArray<float> sum(stream, std::vector<float>(columns, 0.0F));
  const DeviceArray<double> norms(stream, std::vector<double>(rows, 0.0));
  const auto parts =
      DeviceArray<double>::uninitialised(stream, cuda::weighted_row_sum_scratch(rows, columns) / sizeof(double));
  const std::string shape = " " + std::to_string(rows) + " x " + std::to_string(columns);
  table.row("add_row_squared_norms" + shape, cuda::add_row_squared_norms_cost<float>(rows, columns), [&] {
    backend.add_squared_norms_float(values.get(), rows, columns, columns, norms.get(), stream, kDeviceBlock);
  });
  table.row("add_weighted_row_sum" + shape, cuda::add_weighted_row_sum_cost<float>(rows, columns), [&] {
    backend.add_weighted_sum_float(values.get(), rows, columns, columns, weights.get(), parts.get(), sum.get(), stream,
                                   kDeviceBlock);
  });
}

void run_weights(const DeviceStream& stream, const Table& table, std::size_t records) {
  const std::vector<WeightFormula> formulas = {{WeightFormula::Kind::psac, 1.0, 0.1}};
  const DeviceArray<double> computed(stream, std::vector<double>(records, 4.0));
  const DeviceArray<double> slack(stream, std::vector<double>(records, 0.0));
  const auto weights = DeviceArray<float>::uninitialised(stream, records);
  table.row("record_weights " + std::to_string(records), cuda::record_weights_cost(1, records), [&] {
    stream.backend().record_weights(formulas, computed.get(), slack.get(), nullptr, records, weights.get(), stream,
                                    kDeviceBlock);
  });
}

// A layer of the encoder's, as far as `elements` allow.
void run_linear(const DeviceStream& stream, const Table& table, std::size_t elements) {
  constexpr std::size_t kColumns = 384;
  const std::size_t positions = std::clamp<std::size_t>(elements / (2 * kColumns), 1, 128);
  const std::size_t records = std::clamp<std::size_t>(elements / (kColumns * kColumns), 1, 64);
  const std::size_t record = positions * kColumns;
  const OuterShape shape{records, positions, kColumns, kColumns, record, kColumns, record, kColumns};
  const CudaBackend& backend = stream.backend();
  const DeviceArray<float> left(stream, std::vector<float>(records * record, 0.5F));
  const DeviceArray<float> right(stream, std::vector<float>(records * record, 0.25F));
  const DeviceArray<float> kept(stream, std::vector<float>(records * kColumns * kColumns));
  const DeviceArray<double> norms(stream, std::vector<double>(2 * records));
  const std::size_t bytes = std::max(cuda::gram_norm_scratch(shape), cuda::tile_norm_scratch(shape));
  const DeviceArray<double> scratch(stream, std::vector<double>(bytes / sizeof(double)));
  const std::string size = " " + std::to_string(records) + " x " + std::to_string(positions);
  table.row("gram_norms" + size, cuda::gram_norms_cost<float>(shape), [&] {
    backend.gram_norms_float(shape, left.get(), right.get(), scratch.get(), norms.get(), norms.get() + records, stream,
                             kDeviceBlock);
  });
  for (const bool keep : {true, false}) {
    table.row((keep ? "tile_norms, kept" : "tile_norms") + size, cuda::tile_norms_cost<float>(shape, keep), [&] {
      backend.tile_norms_float(shape, left.get(), right.get(), keep ? kept.get() : nullptr, kColumns * kColumns,
                               scratch.get(), norms.get(), stream, kDeviceBlock);
    });
  }
  const EmbeddingShape tokens{records, positions, 1, kColumns, positions, record, kColumns};
  std::vector<std::int64_t> values(records * positions);
  for (std::size_t t = 0; t < values.size(); ++t) values[t] = static_cast<std::int64_t>(t * t % 1009);
  const DeviceArray<std::int64_t> there(stream, values);
  const DeviceArray<double> chains(stream, std::vector<double>(cuda::embedding_norm_scratch(tokens) / sizeof(double)));
  table.row("embedding_norms" + size, cuda::embedding_norms_cost<float>(tokens), [&] {
    backend.embedding_norms_float(tokens, there.get(), nullptr, left.get(), chains.get(), norms.get(),
                                  norms.get() + records, stream, kDeviceBlock);
  });
  const NormalisationShape layer{records, positions, kColumns, 1, record, record, kColumns, positions, 1};
  const DeviceArray<float> statistics(stream, std::vector<float>(records * positions, 1.0F));
  table.row("normalisation_rows" + size, cuda::normalisation_rows_cost<float>(layer, true), [&] {
    backend.normalisation_rows_float(layer, left.get(), statistics.get(), statistics.get(), right.get(), kept.get(),
                                     kept.get() + records * kColumns, stream, kDeviceBlock);
  });
}

// Layers of the cnn's and of a residual network's.
void run_convolutions(const DeviceStream& stream, const Table& table, std::size_t elements) {
  for (ConvolutionShape s : {ConvolutionShape{.channels = 1,
                            .height = 28,
                            .width = 28,
                            .outputs = 16,
                            .out_height = 14,
                            .out_width = 14,
                            .kernel_height = 8,
                            .kernel_width = 8,
                            .stride_y = 2,
                            .stride_x = 2,
                            .padding_y = 3,
                            .padding_x = 3},
                             ConvolutionShape{.channels = 32,
                             .height = 16,
                             .width = 16,
                             .outputs = 64,
                             .out_height = 16,
                             .out_width = 16,
                             .kernel_height = 3,
                             .kernel_width = 3,
                             .padding_y = 1,
                             .padding_x = 1}}) {
    s.image_record_stride = s.channels * s.height * s.width;
    s.gradient_record_stride = s.outputs * s.out_height * s.out_width;
    s.records = std::clamp<std::size_t>(elements / convolution_elements(s), 1, 512);
    const DeviceArray<float> image(stream, std::vector<float>(s.records * s.image_record_stride, 0.5F));
    const DeviceArray<float> gradient(stream, std::vector<float>(s.records * s.gradient_record_stride, 0.25F));
    const DeviceArray<float> kept(stream, std::vector<float>(s.records * convolution_elements(s)));
    const DeviceArray<double> norms(stream, std::vector<double>(s.records));
    const DeviceArray<double> scratch(stream, std::vector<double>(cuda::convolution_norm_scratch(s) / sizeof(double)));
    const std::string name = "convolution_norms " + std::to_string(s.records) + ", " + std::to_string(s.channels) +
                             " to " + std::to_string(s.outputs);
    table.row(name, cuda::convolution_norms_cost<float>(s, true), [&] {
      stream.backend().convolution_norms_float(s, image.get(), gradient.get(), kept.get(), convolution_elements(s),
                                               scratch.get(), norms.get(), stream, kDeviceBlock);
    });
  }
}

void run(const Arguments& arguments) {
  const CudaBackend& backend = open_cuda_backend(arguments.library);
  if (arguments.list) {
    const int count = backend.device_count();
    for (int i = 0; i < count; ++i) std::printf("%d: %s\n", i, backend.device_name(i).c_str());
    return;
  }
  backend.use_device(arguments.device);
  std::printf("device %d: %s\n", arguments.device, backend.device_name(arguments.device).c_str());
  const DeviceStream stream(backend);
  const Table table(stream);
  for (const std::size_t count : {arguments.elements / 64 + 1, arguments.elements}) run_release(stream, table, count);
  const std::size_t columns = arguments.elements / 256 + 1;
  run_rows(stream, table, 256, columns);
  run_rows(stream, table, columns / 4, 1024);
  run_rows(stream, table, columns / 4, 10);
  run_linear(stream, table, arguments.elements);
  run_convolutions(stream, table, arguments.elements);
  run_weights(stream, table, 4096);
}

}  // namespace
}  // namespace sotto::kernels

int main(int count, char** words) {
  using sotto::kernels::DeviceError;
  try {
    const auto arguments = sotto::kernels::parse({words + 1, words + count});
    if (arguments.help) {
      std::fputs(sotto::kernels::kHelp, stdout);
      return 0;
    }
    sotto::kernels::run(arguments);
    return 0;
  } catch (const sotto::Error& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return static_cast<int>(error.code());
  } catch (const DeviceError& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return static_cast<int>(sotto::ExitCode::usage);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return static_cast<int>(sotto::ExitCode::internal);
  }
}

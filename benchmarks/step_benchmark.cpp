#include <ATen/Parallel.h>
#include <fmt/format.h>
#include <sotto/benchmarks/counting_allocator.h>
#include <sotto/benchmarks/step_benchmark.h>
#include <sotto/models/encoder.h>
#include <sotto/models/vision.h>
#include <sotto/optim/private_training.h>
#include <sotto/privacy/error.h>
#include <torch/torch.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <functional>
#include <nlohmann/json.hpp>

namespace sotto::benchmarks {
namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  const size_t middle = values.size() / 2;
  return values.size() % 2 == 1 ? values[middle] : 0.5 * (values[middle - 1] + values[middle]);
}

// A network with records to feed it.
struct Subject {
  std::shared_ptr<torch::nn::Module> module;
  std::vector<torch::Tensor> records;
  optim::Losses losses;
};

torch::Tensor cross_entropy(const torch::Tensor& logits, const torch::Tensor& labels) {
  return torch::nn::functional::cross_entropy(logits, labels,
                                              torch::nn::functional::CrossEntropyFuncOptions().reduction(torch::kNone));
}

template <class Network>
Subject subject(std::shared_ptr<Network> network, torch::Tensor inputs, int64_t classes) {
  const torch::Tensor labels = torch::randint(classes, {inputs.size(0)}, torch::kLong);
  return {network, {inputs, labels}, [network](const std::vector<torch::Tensor>& batch) {
            return cross_entropy(network->forward(batch[0]), batch[1]);
          }};
}

int64_t default_batch(const std::string& model) {
  if (model == "mlp" || model == "cnn") return 512;
  if (model == "encoder") return 16;
  if (model == "embedding-bag") return 256;
  throw UsageError(fmt::format("[bench step] unknown model \"{}\": choose mlp, cnn, encoder or embedding-bag", model));
}

Subject make_subject(const std::string& model, int64_t batch) {
  constexpr models::ImageShape kPicture{.height = 28, .width = 28, .classes = 10};
  if (model == "mlp" || model == "cnn") {
    return subject(models::make_vision_model(model, kPicture),
                   torch::randn({batch, 1, kPicture.height, kPicture.width}), kPicture.classes);
  }
  const models::EncoderOptions encoder;
  const auto tokens = [&](int64_t length) { return torch::randint(encoder.vocabulary, {batch, length}, torch::kLong); };
  if (model == "encoder") return subject(models::Encoder(encoder).ptr(), tokens(128), encoder.classes);
  return subject(models::MeanOfWords(encoder.vocabulary, 128, 2).ptr(), tokens(64), 2);
}

struct ScratchFolder {
  ScratchFolder()
      : path(std::filesystem::temp_directory_path() /
             fmt::format("sotto-bench-{}-{}", ::getpid(), Clock::now().time_since_epoch().count())) {
    std::filesystem::create_directories(path);
  }
  ~ScratchFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path, ignored);
  }
  std::filesystem::path path;
};

constexpr double kLearningRate = 0.01;
constexpr int kWarmUpPairs = 2;

// Splits the time of private steps into phases, as the tape reports them.
class PhaseClock {
 public:
  void start() { last_ = Clock::now(); }
  void ended(std::string_view phase) {
    const double seconds = seconds_since(last_);
    last_ = Clock::now();
    if (!recording) return;
    for (auto& [name, values] : seconds_) {
      if (name == phase) {
        values.push_back(seconds);
        return;
      }
    }
    seconds_.push_back({std::string(phase), {seconds}});
  }
  std::vector<std::pair<std::string, double>> medians() const {
    std::vector<std::pair<std::string, double>> result;
    for (const auto& [name, values] : seconds_) result.emplace_back(name, median(values));
    return result;
  }
  bool recording = false;

 private:
  Clock::time_point last_;
  std::vector<std::pair<std::string, std::vector<double>>> seconds_;
};

}  // namespace

StepBenchmarkResult run_step_benchmark(const StepBenchmarkOptions& options) {
  if (options.pairs < 7 || options.pairs > 1000) {
    throw UsageError(fmt::format("[bench step] pairs must be 7 .. 1000: got {}", options.pairs));
  }
  if (options.batch < 0) throw UsageError(fmt::format("[bench step] batch must be >= 1: got {}", options.batch));
  const int64_t batch = options.batch == 0 ? default_batch(options.model) : options.batch;
  default_batch(options.model);  // refuses an unknown model also when a batch is given
  if (options.threads > 0) at::set_num_threads(options.threads);
  torch::manual_seed(1);

  Subject plain = make_subject(options.model, batch);
  torch::manual_seed(1);
  Subject guarded = make_subject(options.model, batch);
  torch::optim::SGD plain_optimizer(plain.module->parameters(), torch::optim::SGDOptions(kLearningRate));
  torch::optim::SGD private_optimizer(guarded.module->parameters(), torch::optim::SGDOptions(kLearningRate));

  const ScratchFolder scratch;
  PhaseClock clock;
  // Sampling rate 1: every step works on exactly the same records as the plain one, along the ordinary path.
  const privacy::PrivacyPlan plan({.adjacency = privacy::Adjacency::zero_out,
                                   .dataset_size = batch,
                                   .expected_batch_size = batch,
                                   .steps = 100000,
                                   .delta = 1e-5,
                                   .noise_multiplier = 1000.0});  // a finite epsilon for as many steps
  optim::PrivateTraining training(*guarded.module, private_optimizer, optim::tensor_records(guarded.records),
                                  {.plan = plan,
                                   .rule = optim::WeightRule::psac(0.1),
                                   .ledger = scratch.path / "ledger.jsonl",
                                   .physical_batch = batch,
                                   .tape = {.phase_ended = [&](std::string_view phase) { clock.ended(phase); }}});

  const auto plain_step = [&] {
    plain_optimizer.zero_grad();
    plain.losses(plain.records).mean().backward();
    plain_optimizer.step();
  };
  const auto private_step = [&] {
    clock.start();
    training.step(guarded.losses);
  };

  StepBenchmarkResult result;
  result.model = options.model;
  result.batch = batch;
  result.threads = at::get_num_threads();
  result.pairs = options.pairs;
  for (const torch::Tensor& parameter : plain.module->parameters()) result.parameters += parameter.numel();

  std::vector<double> seconds_plain;
  std::vector<double> seconds_private;
  std::vector<double> ratios;
  for (int pair = -kWarmUpPairs; pair < options.pairs; ++pair) {
    clock.recording = pair >= 0;
    auto start = Clock::now();
    plain_step();
    const double of_plain = seconds_since(start);
    start = Clock::now();
    private_step();
    const double of_private = seconds_since(start);
    if (pair < 0) continue;
    seconds_plain.push_back(of_plain);
    seconds_private.push_back(of_private);
    ratios.push_back(of_private / of_plain);
  }
  result.seconds_plain = median(seconds_plain);
  result.seconds_private = median(seconds_private);
  result.ratio_time = median(ratios);
  result.ratio_time_min = *std::min_element(ratios.begin(), ratios.end());
  result.ratio_time_max = *std::max_element(ratios.begin(), ratios.end());
  result.phases = clock.medians();

  {
    const CountingAllocator counting;
    plain_step();
    result.peak_bytes_plain = counting.peak_bytes();
  }
  {
    const CountingAllocator counting;
    private_step();
    result.peak_bytes_private = counting.peak_bytes();
  }
  result.ratio_peak_memory = static_cast<double>(result.peak_bytes_private) /
                             static_cast<double>(std::max<int64_t>(1, result.peak_bytes_plain));
  return result;
}

std::string to_json(const StepBenchmarkResult& result) {
  nlohmann::ordered_json json = {{"model", result.model},
                                 {"batch", result.batch},
                                 {"parameters", result.parameters},
                                 {"threads", result.threads},
                                 {"pairs", result.pairs},
                                 {"seconds_plain", result.seconds_plain},
                                 {"seconds_private", result.seconds_private},
                                 {"ratio_time", result.ratio_time},
                                 {"ratio_time_min", result.ratio_time_min},
                                 {"ratio_time_max", result.ratio_time_max},
                                 {"peak_bytes_plain", result.peak_bytes_plain},
                                 {"peak_bytes_private", result.peak_bytes_private},
                                 {"ratio_peak_memory", result.ratio_peak_memory}};
  for (const auto& [phase, seconds] : result.phases) json["phases"][phase] = seconds;
  return json.dump(2);
}

std::string to_text(const StepBenchmarkResult& result) {
  constexpr double kMilli = 1e3;
  constexpr double kMega = 1e6;
  std::string text = fmt::format(
      "{}: batch {}, {} parameters, {} threads, {} pairs\n"
      "  plain step    {:9.2f} ms   {:9.1f} MB\n"
      "  private step  {:9.2f} ms   {:9.1f} MB\n"
      "  ratio         {:9.2f}      {:9.2f}      (time {:.2f} .. {:.2f})\n",
      result.model, result.batch, result.parameters, result.threads, result.pairs, result.seconds_plain * kMilli,
      static_cast<double>(result.peak_bytes_plain) / kMega, result.seconds_private * kMilli,
      static_cast<double>(result.peak_bytes_private) / kMega, result.ratio_time, result.ratio_peak_memory,
      result.ratio_time_min, result.ratio_time_max);
  for (const auto& [phase, seconds] : result.phases)
    text += fmt::format("    {:<18}{:9.2f} ms\n", phase, seconds * kMilli);
  return text;
}

}  // namespace sotto::benchmarks

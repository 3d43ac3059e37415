#include <ATen/Parallel.h>
#include <fmt/format.h>
#include <linux/magic.h>
#include <sotto/benchmarks/counting_allocator.h>
#include <sotto/benchmarks/device_memory.h>
#include <sotto/benchmarks/step_benchmark.h>
#include <sotto/benchmarks/stock_step.h>
#include <sotto/models/encoder.h>
#include <sotto/models/frozen.h>
#include <sotto/models/lstm.h>
#include <sotto/models/text_classifier.h>
#include <sotto/models/vision.h>
#include <sotto/optim/private_training.h>
#include <sotto/privacy/charge_stopwatch.h>
#include <sotto/privacy/error.h>
#include <sys/vfs.h>
#include <torch/torch.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <functional>
#include <map>
#include <nlohmann/json.hpp>
#include <numeric>

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
  static const std::map<std::string, int64_t> kBatches = {{"mlp", 512},    {"cnn", 512}, {"resnet20", 128},
                                                          {"encoder", 16}, {"lstm", 64}, {"embedding-bag", 256},
                                                          {"minilm", 16}};
  const auto found = kBatches.find(model);
  if (found != kBatches.end()) return found->second;
  throw UsageError(fmt::format(
      "[bench step] unknown model \"{}\": choose mlp, cnn, resnet20, encoder, lstm, embedding-bag or minilm", model));
}

// MiniLM's sizes, weights as they are drawn.
Subject adapted_encoder(const std::string& adapt, int64_t batch) {
  const models::TextClassifierOptions options;
  models::TextClassifier network(options);
  const std::shared_ptr<models::Lora> lora = models::adapt(*network, models::adaptation_of(adapt));
  Subject result =
      subject(network.ptr(), torch::randint(1, options.bert.vocabulary, {batch, 128}, torch::kLong), options.outputs);
  if (lora == nullptr) return result;
  result.losses = [lora, losses = result.losses](const std::vector<torch::Tensor>& records) {
    lora->apply();
    return losses(records);
  };
  return result;
}

Subject make_subject(const std::string& model, const std::string& adapt, int64_t batch) {
  if (model == "minilm") return adapted_encoder(adapt, batch);
  if (models::adaptation_of(adapt) != models::Adaptation::full)
    throw UsageError(fmt::format("[--adapt] {}: only with --model minilm; got --model {}", adapt, model));
  const models::EncoderOptions encoder;
  const models::LstmOptions lstm;
  const auto pictures = [&](const models::ImageShape& shape) {
    return subject(models::make_vision_model(model, shape),
                   torch::randn({batch, shape.channels, shape.height, shape.width}), shape.classes);
  };
  const auto tokens = [&](int64_t vocabulary, int64_t length) {
    return torch::randint(vocabulary, {batch, length}, torch::kLong);
  };
  if (model == "mlp" || model == "cnn") return pictures({.height = 28, .width = 28, .classes = 10});
  if (model == "resnet20") return pictures({.height = 32, .width = 32, .classes = 10, .channels = 3});
  if (model == "encoder")
    return subject(models::Encoder(encoder).ptr(), tokens(encoder.vocabulary, 128), encoder.classes);
  if (model == "lstm") return subject(models::LstmClassifier(lstm).ptr(), tokens(lstm.vocabulary, 64), lstm.classes);
  return subject(models::MeanOfWords(encoder.vocabulary, 128, 2).ptr(), tokens(encoder.vocabulary, 64), 2);
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

bool is_in_memory(const std::filesystem::path& folder) {
  struct statfs system = {};
  if (::statfs(folder.c_str(), &system) != 0) return false;
  return system.f_type == TMPFS_MAGIC || system.f_type == RAMFS_MAGIC;
}

// Of the steps between the two states.
StepBenchmarkResult::LedgerTime ledger_time(const privacy::ChargeTime& before, const privacy::ChargeTime& after,
                                            const std::vector<double>& seconds_private) {
  const auto steps = static_cast<double>(seconds_private.size());
  StepBenchmarkResult::LedgerTime result;
  result.seconds_writing = (after.writing - before.writing) / steps;
  result.seconds_waiting = (after.waiting - before.waiting) / steps;
  result.seconds = result.seconds_writing + result.seconds_waiting;
  result.share = result.seconds * steps / std::accumulate(seconds_private.begin(), seconds_private.end(), 0.0);
  return result;
}

constexpr double kLearningRate = 0.01;
constexpr int kWarmUpPairs = 2;

// Splits private steps into phases, as the tape reports them.
class PhaseClock {
 public:
  void start() { last_ = Clock::now(); }
  void ended(std::string_view name) {
    const double seconds = seconds_since(last_);
    last_ = Clock::now();
    Measured& phase = find(name);
    if (recording) phase.seconds.push_back(seconds);
    if (counting != nullptr) phase.peak_bytes = std::max(phase.peak_bytes, counting->take_part_peak_bytes());
  }
  std::vector<StepBenchmarkResult::Phase> phases() const {
    std::vector<StepBenchmarkResult::Phase> result;
    for (const Measured& phase : phases_) result.push_back({phase.name, median(phase.seconds), phase.peak_bytes});
    return result;
  }
  bool recording = false;
  CountingAllocator* counting = nullptr;

 private:
  struct Measured {
    std::string name;
    std::vector<double> seconds;
    int64_t peak_bytes = 0;
  };
  Measured& find(std::string_view name) {
    for (Measured& phase : phases_) {
      if (phase.name == name) return phase;
    }
    return phases_.emplace_back(Measured{std::string(name), {}, 0});
  }
  Clock::time_point last_;
  std::vector<Measured> phases_;
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

  Subject plain = make_subject(options.model, options.adapt, batch);
  torch::manual_seed(1);
  Subject guarded = make_subject(options.model, options.adapt, batch);
  const optim::StepDevice& device = options.device;
  for (const Subject* subject : {&plain, &guarded}) subject->module->to(device.where());
  torch::optim::SGD plain_optimizer(models::trained(*plain.module), torch::optim::SGDOptions(kLearningRate));
  torch::optim::SGD private_optimizer(models::trained(*guarded.module), torch::optim::SGDOptions(kLearningRate));

  const ScratchFolder scratch;
  const privacy::ChargeStopwatch stopwatch;
  PhaseClock clock;
  // Sampling rate 1: every step works on exactly the same records as the plain one, along the ordinary path.
  const privacy::PrivacyPlan plan({.adjacency = privacy::Adjacency::zero_out,
                                   .dataset_size = batch,
                                   .expected_batch_size = batch,
                                   .steps = 100000,
                                   .delta = 1e-5,
                                   .noise_multiplier = 500.0,  // a finite epsilon for as many steps
                                   .noise = options.noise});
  optim::PrivateTraining training(*guarded.module, private_optimizer, optim::tensor_records(guarded.records),
                                  {.plan = plan,
                                   .rule = optim::WeightRule::psac(0.1),
                                   .ledger = scratch.path / "ledger.jsonl",
                                   .physical_batch = batch,
                                   .tape = {.memory_bytes = options.memory_bytes,
                                            .costs = options.costs,
                                            .device = device,
                                            .phase_ended = [&](std::string_view phase) { clock.ended(phase); }}});

  const optim::Records plain_records = optim::tensor_records(plain.records);
  const torch::Tensor everyone = torch::arange(batch);
  const auto plain_step = [&] {
    plain_optimizer.zero_grad();
    std::vector<torch::Tensor> inputs = plain_records.fetch(everyone);
    for (torch::Tensor& tensor : inputs) tensor = device.copy_of(tensor);
    plain.losses(inputs).mean().backward();
    plain_optimizer.step();
    device.wait();
  };
  const auto private_step = [&] {
    clock.start();
    training.step(guarded.losses);
    device.wait();
  };

  StepBenchmarkResult result;
  result.model = options.model;
  result.adapt = options.adapt;
  result.batch = batch;
  result.threads = at::get_num_threads();
  result.pairs = options.pairs;
  result.device = device.where().str();
  result.matmul = options.matmul;
  result.noise = privacy::to_string(options.noise);
  for (const torch::Tensor& parameter : models::trained(*plain.module)) result.parameters += parameter.numel();

  std::vector<double> seconds_plain;
  std::vector<double> seconds_private;
  std::vector<double> ratios;
  privacy::ChargeTime charged;  // by the steps that warm up
  for (int pair = -kWarmUpPairs; pair < options.pairs; ++pair) {
    clock.recording = pair >= 0;
    if (pair == 0) charged = stopwatch.time();
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
  result.ledger = ledger_time(charged, stopwatch.time(), seconds_private);
  result.ledger.in_memory = is_in_memory(scratch.path);
  result.seconds_plain = median(seconds_plain);
  result.seconds_private = median(seconds_private);
  result.ratio_time = median(ratios);
  result.ratio_time_min = *std::min_element(ratios.begin(), ratios.end());
  result.ratio_time_max = *std::max_element(ratios.begin(), ratios.end());

  if (device.has_table()) {
    clock.recording = false;
    result.peak_bytes_plain = device_peak_bytes(device.where(), plain_step);
    result.peak_bytes_private = device_peak_bytes(device.where(), private_step);
  } else {
    {
      const CountingAllocator counting;
      plain_step();
      result.peak_bytes_plain = counting.peak_bytes();
    }
    CountingAllocator counting;
    clock.recording = false;
    clock.counting = &counting;
    private_step();
    clock.counting = nullptr;
    result.peak_bytes_private = counting.peak_bytes();
  }
  result.phases = clock.phases();
  result.seconds_plain_stock = result.seconds_plain;
  result.ratio_time_stock = result.ratio_time;
  if (options.matmul != "stock") {
    result.seconds_plain_stock = stock_plain_seconds(options);
    result.ratio_time_stock = result.seconds_private / result.seconds_plain_stock;
  }
  result.ratio_peak_memory = static_cast<double>(result.peak_bytes_private) /
                             static_cast<double>(std::max<int64_t>(1, result.peak_bytes_plain));
  return result;
}

std::string to_json(const StepBenchmarkResult& result) {
  nlohmann::ordered_json json = {{"model", result.model},
                                 {"adapt", result.adapt},
                                 {"batch", result.batch},
                                 {"parameters", result.parameters},
                                 {"threads", result.threads},
                                 {"pairs", result.pairs},
                                 {"device", result.device},
                                 {"matmul", result.matmul},
                                 {"noise", result.noise},
                                 {"seconds_plain", result.seconds_plain},
                                 {"seconds_private", result.seconds_private},
                                 {"ratio_time", result.ratio_time},
                                 {"ratio_time_min", result.ratio_time_min},
                                 {"ratio_time_max", result.ratio_time_max},
                                 {"seconds_plain_stock", result.seconds_plain_stock},
                                 {"ratio_time_stock", result.ratio_time_stock},
                                 {"peak_bytes_plain", result.peak_bytes_plain},
                                 {"peak_bytes_private", result.peak_bytes_private},
                                 {"ratio_peak_memory", result.ratio_peak_memory}};
  json["ledger"] = {{"seconds", result.ledger.seconds},
                    {"seconds_writing", result.ledger.seconds_writing},
                    {"seconds_waiting", result.ledger.seconds_waiting},
                    {"share", result.ledger.share},
                    {"in_memory", result.ledger.in_memory}};
  for (const auto& phase : result.phases)
    json["phases"][phase.name] = {{"seconds", phase.seconds}, {"peak_bytes", phase.peak_bytes}};
  return json.dump(2);
}

std::string to_text(const StepBenchmarkResult& result) {
  constexpr double kMilli = 1e3, kPercent = 100;
  constexpr double kMega = 1e6;
  std::string text = fmt::format(
      "{}: batch {}, {} trained parameters, {}, {} threads, {} pairs, matmul: {}, noise: {}\n"
      "  plain step    {:9.2f} ms   {:9.1f} MB\n"
      "  private step  {:9.2f} ms   {:9.1f} MB\n"
      "  ratio         {:9.2f}      {:9.2f}      (time {:.2f} .. {:.2f})\n",
      result.adapt == "full" ? result.model : result.model + ", " + result.adapt, result.batch, result.parameters,
      result.device, result.threads, result.pairs, result.matmul, result.noise, result.seconds_plain * kMilli,
      static_cast<double>(result.peak_bytes_plain) / kMega, result.seconds_private * kMilli,
      static_cast<double>(result.peak_bytes_private) / kMega, result.ratio_time, result.ratio_peak_memory,
      result.ratio_time_min, result.ratio_time_max);
  if (result.matmul != "stock") {
    text += fmt::format("  stock plain   {:9.2f} ms\n  ratio_stock   {:9.2f}\n", result.seconds_plain_stock * kMilli,
                        result.ratio_time_stock);
  }
  for (const auto& phase : result.phases) {
    text += fmt::format("    {:<23}{:7.2f} ms {:9.1f} MB\n", phase.name, phase.seconds * kMilli,
                        static_cast<double>(phase.peak_bytes) / kMega);
  }
  text +=
      fmt::format("  ledger        {:9.2f} ms   {:9.2f} % of the private steps (writing {:.2f}, waiting {:.2f} ms{})\n",
                  result.ledger.seconds * kMilli, result.ledger.share * kPercent,
                  result.ledger.seconds_writing * kMilli, result.ledger.seconds_waiting * kMilli,
                  result.ledger.in_memory ? "; the file is in memory, so that nothing was flushed" : "");
  return text;
}

}  // namespace sotto::benchmarks

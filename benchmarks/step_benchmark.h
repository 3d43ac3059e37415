#pragma once
// One private training step against one plain step of the same network on the same records, in one process.
//
// A step is reading the records, forward pass, gradient, noise and charge where private, and the SGD update. Plain and
// private steps alternate; the ratio is the median of the ratios of neighbouring pairs, so a machine that changes its
// speed changes both sides. On a device a step is over when the device has finished it; its phases are what the host
// takes to queue them.

#include <sotto/optim/step_device.h>
#include <sotto/optim/use_planner.h>
#include <sotto/privacy/plan.h>

#include <cstdint>
#include <string>
#include <vector>

namespace sotto::benchmarks {

struct StepBenchmarkOptions {
  std::string model = "mlp";   // mlp, cnn, resnet20, encoder, lstm, embedding-bag, minilm
  std::string adapt = "full";  // of minilm: full, lora, bitfit, head (models/text_classifier.h)
  int64_t batch = 0;           // 0: the model's own (512, 512, 128, 16, 64, 256, 16)
  int64_t memory_bytes = 0;    // of TapeOptions; 0: as chosen there
  int pairs = 9;               // >= 7
  int threads = 0;             // 0: as LibTorch chooses
  optim::StepDevice device = {};
  std::string matmul = "stock";  // what the caller has set before LibTorch was loaded; for the report
  optim::KernelCosts costs = {};
  privacy::Noise noise = privacy::Noise::normal;  // discrete: every record on its own, on the processor only
};

struct StepBenchmarkResult {
  std::string model;
  std::string adapt;
  int64_t batch = 0;
  int64_t parameters = 0;  // that are trained
  int threads = 0;
  int pairs = 0;
  std::string device;            // cpu or cuda:N
  std::string matmul;            // stock or fast: tools/matmul_switch.h
  std::string noise;             // normal or discrete
  double seconds_plain = 0.0;    // median
  double seconds_private = 0.0;  // median
  double ratio_time = 0.0;       // median of private / plain over pairs
  double ratio_time_min = 0.0;
  double ratio_time_max = 0.0;
  double seconds_plain_stock = 0.0;  // seconds_plain, or with the switch that of stock_step.h
  double ratio_time_stock = 0.0;     // ratio_time, or with the switch seconds_private / seconds_plain_stock
  int64_t peak_bytes_plain = 0;  // most bytes held through LibTorch's allocator during a step, above those before it
  int64_t peak_bytes_private = 0;
  double ratio_peak_memory = 0.0;
  struct Phase {
    std::string name;
    double seconds = 0.0;    // median
    int64_t peak_bytes = 0;  // as peak_bytes_private; 0 on a device
  };
  std::vector<Phase> phases;  // of the private step

  // What charging held the private step up for (privacy::ChargeTime): means over the measured steps, since medians of
  // parts do not add up. The ledger lies in the folder for temporary files (TMPDIR).
  struct LedgerTime {
    double seconds_writing = 0.0;
    double seconds_waiting = 0.0;
    double seconds = 0.0;    // the sum of both
    double share = 0.0;      // of all seconds of the private steps
    bool in_memory = false;  // no device was flushed: the file system is one in memory
  };
  LedgerTime ledger;
};

// Throws UsageError for an unknown model or numbers outside their ranges.
StepBenchmarkResult run_step_benchmark(const StepBenchmarkOptions& options);

std::string to_json(const StepBenchmarkResult& result);
std::string to_text(const StepBenchmarkResult& result);

}  // namespace sotto::benchmarks

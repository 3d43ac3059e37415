#include <fmt/format.h>
#include <sotto/benchmarks/child_process.h>
#include <sotto/benchmarks/stock_step.h>

#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace sotto::benchmarks {

double stock_plain_seconds(const StepBenchmarkOptions& options) {
  std::vector<std::string> words = {std::filesystem::read_symlink("/proc/self/exe").string(),
                                    "bench",
                                    "step",
                                    "--json",
                                    "--matmul=stock",
                                    "--device=" + options.device.where().str(),
                                    "--model=" + options.model,
                                    "--adapt=" + options.adapt,
                                    fmt::format("--pairs={}", options.pairs),
                                    fmt::format("--threads={}", options.threads),
                                    fmt::format("--memory={}", options.memory_bytes),
                                    "--kernel-costs=built-in"};  // for the private step, which is not asked for
  if (options.batch > 0) words.push_back(fmt::format("--batch={}", options.batch));
  return nlohmann::json::parse(output_of(words)).at("seconds_plain").get<double>();
}

}  // namespace sotto::benchmarks

#include <ATen/Parallel.h>
#include <ATen/Version.h>
#include <fmt/format.h>
#include <sotto/kernels/gram_norms.h>
#include <sotto/optim/measured_costs.h>
#include <sotto/tools/machine_costs.h>
#include <torch/version.h>

#include <fstream>
#include <nlohmann/json.hpp>
#include <ostream>

namespace sotto::tools {
namespace {

std::string processor_name() {
  std::ifstream stream("/proc/cpuinfo");
  for (std::string line; std::getline(stream, line);) {
    const size_t colon = line.find(": ");
    if (line.starts_with("model name") && colon != std::string::npos) return line.substr(colon + 2);
  }
  return "unknown";
}

}  // namespace

CostsKey costs_key(const std::string& matmul) {
  return {.processor = processor_name(),
          .instruction_set = fmt::format("{}, {}", kernels::gram_norms_instruction_set(), at::get_cpu_capability()),
          .threads = at::get_num_threads(),
          .libtorch = TORCH_VERSION,
          .sotto = SOTTO_VERSION,
          .matmul = matmul};
}

KeptCosts machine_costs(const std::string& matmul, bool refresh) {
  return kept_costs(costs_path(), costs_key(matmul), refresh, [] { return to_figures(optim::measured_costs()); });
}

CostFigures chosen_costs(const std::string& kernel_costs, const std::string& matmul, std::ostream& text) {
  if (kernel_costs == kBuiltInCosts) return to_figures(optim::KernelCosts{});
  if (const auto given = parse_cost_figures("--kernel-costs", kernel_costs)) return *given;
  const KeptCosts kept = machine_costs(matmul, false);
  if (!kept.notice.empty()) text << "note              " << kept.notice << '\n';
  return kept.figures;
}

optim::KernelCosts to_kernel_costs(const CostFigures& figures) {
  return {figures.product, figures.record_products, figures.gram, figures.bytes};
}

CostFigures to_figures(const optim::KernelCosts& costs) {
  return {costs.product, costs.record_products, costs.gram, costs.bytes};
}

void print_machine_costs(const TrainingJob& job) {
  if (job.bench.threads > 0) at::set_num_threads(job.bench.threads);
  const CostsKey key = costs_key(job.bench.matmul);
  const KeptCosts kept = machine_costs(job.bench.matmul, job.bench.refresh);
  const std::string path = costs_path().string();
  if (!kept.notice.empty()) *job.err << "note              " << kept.notice << '\n';
  if (job.json) {
    const nlohmann::ordered_json json = {{"processor", key.processor},
                                         {"instruction_set", key.instruction_set},
                                         {"threads", key.threads},
                                         {"libtorch", key.libtorch},
                                         {"matmul", key.matmul},
                                         {"product", kept.figures.product},
                                         {"record_products", kept.figures.record_products},
                                         {"gram", kept.figures.gram},
                                         {"bytes", kept.figures.bytes},
                                         {"kernel_costs", to_text(kept.figures)},
                                         {"measured_now", kept.measured},
                                         {"file", path}};
    *job.out << json.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) << '\n';
    return;
  }
  constexpr double kGiga = 1e9;
  *job.out << fmt::format(
      "{}, {}, {} threads, LibTorch {}, matmul: {}\n"
      "  matrix product          {:8.1f} Gop/s\n"
      "  per-record gradients    {:8.1f} Gop/s\n"
      "  inner products (gram)   {:8.1f} Gop/s\n"
      "  memory                  {:8.1f} GB/s\n"
      "{} {}\n",
      key.processor, key.instruction_set, key.threads, key.libtorch, key.matmul, kept.figures.product / kGiga,
      kept.figures.record_products / kGiga, kept.figures.gram / kGiga, kept.figures.bytes / kGiga,
      !kept.measured        ? "as measured before, from"
      : kept.notice.empty() ? "measured now, kept in"
                            : "measured now, not kept in",
      path);
}

}  // namespace sotto::tools

// Compile without contraction into multiply-adds (nvcc -fmad=false): the bits are those of the processor's twin.
// f64: weights_of_records

#include <sotto/kernels/launch.h>
#include <sotto/kernels/record_weight_formula.h>

#include <algorithm>

namespace sotto::kernels::cuda {
namespace {

struct Formulas {
  WeightFormula of[kMostWeightGroups];
};

__global__ void __launch_bounds__(1024)
    weights_of_records(const Formulas formulas, std::size_t group_count, const double* computed, const double* slack,
                       const std::uint8_t* active, std::size_t records, float* weights) {
  const std::size_t stride = static_cast<std::size_t>(gridDim.x) * blockDim.x;
  for (std::size_t i = static_cast<std::size_t>(blockIdx.x) * blockDim.x + threadIdx.x; i < records; i += stride)
    write_weights(formulas.of, group_count, computed, slack, active, records, i, weights);
}

}  // namespace

void record_weights(std::span<const WeightFormula> groups, const double* computed, const double* slack,
                    const std::uint8_t* active, std::size_t records, float* weights, Stream stream, unsigned block) {
  if (groups.size() > kMostWeightGroups)
    throw std::invalid_argument("[record_weights] groups: " + std::to_string(groups.size()) + "; must be at most " +
                                std::to_string(kMostWeightGroups));
  if (records == 0 || groups.empty()) return;
  Formulas formulas;
  std::copy(groups.begin(), groups.end(), formulas.of);
  launch(weights_of_records, {.grid = blocks_for(records, block), .block = dim3(block)}, stream, formulas,
         groups.size(), computed, slack, active, records, weights);
}

}  // namespace sotto::kernels::cuda

#include <sotto/kernels/record_weight_formula.h>

namespace sotto::kernels {

double record_norm_bound(double computed, double slack) {
  return norm_bound(computed, slack);
}

float record_weight(const WeightFormula& formula, double norm) {
  return weight_of(formula, norm);
}

void record_weights(std::span<const WeightFormula> groups, const double* computed, const double* slack,
                    const std::uint8_t* active, std::size_t records, float* weights) {
  for (std::size_t i = 0; i < records; ++i)
    write_weights(groups.data(), groups.size(), computed, slack, active, records, i, weights);
}

}  // namespace sotto::kernels

#include <sotto/kernels/instruction_sets.h>
#include <sotto/kernels/lstm_kernels.h>
#include <sotto/kernels/scratch.h>

#include <vector>

#define SOTTO_LANE_BYTES 16
#include <sotto/kernels/lstm_lanes.h>

namespace sotto::kernels {
namespace detail {

#if defined(SOTTO_X86_64)
extern const LstmKernels lstm_kernels_avx2;
extern const LstmKernels lstm_kernels_avx512;
#endif

std::span<const LstmKernels> supported_lstm_kernels() {
#if defined(SOTTO_X86_64)
  static const std::vector<LstmKernels> kernels =
      best_first(lstm_kernels("baseline"), &lstm_kernels_avx2, &lstm_kernels_avx512);
#else
  static const std::vector<LstmKernels> kernels = {lstm_kernels("baseline")};
#endif
  return kernels;
}

}  // namespace detail

namespace {

constexpr std::size_t kLine = 64;
constexpr std::size_t kMostLanes = 16;

float* floats(void* scratch) {
  return reinterpret_cast<float*>(detail::aligned(scratch, kLine));
}

}  // namespace

std::size_t lstm_scratch(const LstmShape& shape) {
  const auto padded = [](std::size_t columns) { return (columns + kMostLanes - 1) / kMostLanes * kMostLanes; };
  const std::size_t forward = padded(shape.hidden) * (shape.inputs + shape.hidden + 1);
  const std::size_t back = shape.hidden * (padded(shape.inputs) + padded(shape.hidden));
  return 4 * (forward + back) * sizeof(float) + kLine;
}

void lstm_steps(const LstmShape& shape, const float* input, const float* input_weight, const float* weight,
                const float* bias, float* activations, float* h, float* c, void* scratch) {
  detail::supported_lstm_kernels().front().steps(shape, input, input_weight, weight, bias, activations, h, c,
                                                 floats(scratch));
}

void lstm_steps_back(const LstmShape& shape, const float* activations, const float* c, const float* weight,
                     const float* of_output, float* of_gates, float* of_h, float* of_c, void* scratch) {
  detail::supported_lstm_kernels().front().steps_back(shape, activations, c, weight, of_output, of_gates, of_h, of_c,
                                                      floats(scratch));
}

void lstm_input_back(const LstmShape& shape, const float* of_gates, const float* input_weight, float* of_input,
                     void* scratch) {
  detail::supported_lstm_kernels().front().input_back(shape, of_gates, input_weight, of_input, floats(scratch));
}

}  // namespace sotto::kernels

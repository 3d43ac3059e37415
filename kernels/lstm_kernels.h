#pragma once
// The kernels of lstm_steps.h, compiled once per instruction set. Not for users, but for tests that compare them.

#include <sotto/kernels/lstm_steps.h>

#include <span>

namespace sotto::kernels::detail {

// The caller must know that the processor supports the instruction set; scratch is aligned to a line.
struct LstmKernels {
  const char* name;
  void (*steps)(const LstmShape&, const float* input, const float* input_weight, const float* weight, const float* bias,
                float* activations, float* h, float* c, float* scratch);
  void (*steps_back)(const LstmShape&, const float* activations, const float* c, const float* weight,
                     const float* of_output, float* of_gates, float* of_h, float* of_c, float* scratch);
  void (*input_back)(const LstmShape&, const float* of_gates, const float* input_weight, float* of_input,
                     float* scratch);
};

// Best first; the last one, "baseline", runs everywhere.
std::span<const LstmKernels> supported_lstm_kernels();

}  // namespace sotto::kernels::detail

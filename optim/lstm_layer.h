#pragma once
// One direction of one LSTM layer as one operator:
//
//   sotto::lstm_layer(Tensor input, Tensor h, Tensor c, Tensor input_weight, Tensor weight, Tensor? input_bias,
//                     Tensor? bias, bool reverse) -> (Tensor output, Tensor last_h, Tensor last_c, Tensor before)
//
// input is [T, B, E], h and c [B, H] are the first states, input_weight [4H, E], weight [4H, H] and the biases [4H] are
// LibTorch's W_ih, W_hh, b_ih and b_hh; `reverse` goes from the last step to the first. output is [T, B, H]; `before`,
// which has no gradient, is the state that each step started from. Hochreiter and Schmidhuber, 1997; equal to
// aten::lstm up to rounding. Float (kernels/lstm_steps.h on the processor) and double.
//
// The gradient of what the gates activate, input input_weight^T + before weight^T + biases, arrives at an autograd node
// of its own, the first edge of the output's node; the gradients of weights and biases follow from it, from `input` and
// from `before`, also per record.

namespace sotto::optim {

inline constexpr const char* kLstmLayer = "sotto::lstm_layer";

// Makes the operator known to LibTorch's dispatcher, once.
void define_lstm_layer();

}  // namespace sotto::optim

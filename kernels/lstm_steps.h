#pragma once
// An LSTM layer of one direction and its gradients:
//
//   a_t = input_t input_weight^T + h_{t-1} weight^T + bias
//   i, f, g, o = sigmoid, sigmoid, tanh, sigmoid of the quarters of a_t
//   c_t = f c_{t-1} + i g,  h_t = o tanh(c_t)
//
// Hochreiter and Schmidhuber, 1997, with forget gates; quarters in the order of LibTorch. Records do not touch: give
// each thread some of them. No twin for devices, where products of whole steps do better.
//
// Letters: T steps, R records of the call, A records that lie between two steps (A >= R), E input and H hidden values.
// input and of_input are [T, A, E]; activations and of_gates [T, A, 4H]; of_output [T, A, H]; h and c [T + 1, A, H],
// the first state at 0 and that behind step t at t + 1 - or, `reverse`, the first state at T and that behind step t at
// t, T - 1 being the first step. input_weight is [4H, E], weight [4H, H]. Pointers are to the first record of the call.
//
// Sums are in float, of E + H (back: 4H) products in a chain; sigmoid and tanh are within 8 * 2^-24 of their value, or
// 2^-126. What is not finite stays in its record.

#include <cstddef>

namespace sotto::kernels {

struct LstmShape {
  std::size_t steps = 0;        // T
  std::size_t records = 0;      // R
  std::size_t all_records = 0;  // A
  std::size_t inputs = 0;       // E
  std::size_t hidden = 0;       // H
  bool reverse = false;
};

// Bytes of scratch for each function.
std::size_t lstm_scratch(const LstmShape& shape);

// Reads the first states from h and c, writes the others and the activated gates i, f, g, o. bias [4H] may be nullptr.
void lstm_steps(const LstmShape& shape, const float* input, const float* input_weight, const float* weight,
                const float* bias, float* activations, float* h, float* c, void* scratch);

// From the gradients of all h_t (of_output; nullptr: none) and of the last states (of_h, of_c [R, H], H apart) to those
// of a_t and, in place, of the first states.
void lstm_steps_back(const LstmShape& shape, const float* activations, const float* c, const float* weight,
                     const float* of_output, float* of_gates, float* of_h, float* of_c, void* scratch);

// From the gradients of a_t to those of the input.
void lstm_input_back(const LstmShape& shape, const float* of_gates, const float* input_weight, float* of_input,
                     void* scratch);

}  // namespace sotto::kernels

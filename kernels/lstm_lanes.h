// The body of the CPU kernels of lstm_steps.h, written with vectors of SOTTO_LANE_BYTES bytes and compiled once per
// instruction set. Not a public header: included only by lstm_steps_{cpu,avx2,avx512}.cpp, hence no include guard.
//
// Everything here lives in an unnamed namespace and calls no inline function of another header: code compiled for
// AVX-512 must never be the copy that the linker keeps for a machine without it.

#include <sotto/kernels/lstm_kernels.h>

#include <cstddef>
#include <cstdint>

namespace sotto::kernels {
namespace {

#define SOTTO_INLINE inline __attribute__((always_inline))

using Single = float __attribute__((vector_size(SOTTO_LANE_BYTES)));
using Word = std::uint32_t __attribute__((vector_size(SOTTO_LANE_BYTES)));
constexpr std::size_t kLanes = SOTTO_LANE_BYTES / sizeof(float);
constexpr std::size_t kRows = SOTTO_LANE_BYTES == 64 ? 4 : 3;  // records of a register tile
constexpr std::size_t kGates = 4;                              // and its vectors: one per gate, or as many columns

SOTTO_INLINE Single splat(float x) {
  return x - Single{};
}
// The first `count` lanes; the others are zeros, or are not written.
SOTTO_INLINE Single load(const float* from, std::size_t count) {
  Single result = {};
  if (count == kLanes) {
    __builtin_memcpy(&result, from, sizeof result);
  } else {
    __builtin_memcpy(&result, from, count * sizeof(float));
  }
  return result;
}
SOTTO_INLINE void store(Single values, float* to, std::size_t count) {
  if (count == kLanes) {
    __builtin_memcpy(to, &values, sizeof values);
  } else {
    __builtin_memcpy(to, &values, count * sizeof(float));
  }
}
SOTTO_INLINE std::size_t lanes_left(std::size_t total, std::size_t first) {
  return total - first < kLanes ? total - first : kLanes;
}

// exp(x) - 1, between exp(-87) - 1 and exp(88) - 1, of a relative error of at most 4 * 2^-24. With x = n ln 2 + r it is
// 2^n (exp(r) - 1) + (2^n - 1); |r| <= 0.35, where seven terms of the series leave out less than 2^-27 of the value.
SOTTO_INLINE Single exp_minus_one(Single x) {
  constexpr float kRound = 0x1.8p23f;  // its unit in the last place is 1
  x = x > splat(88.0f) ? splat(88.0f) : x;
  x = x < splat(-87.0f) ? splat(-87.0f) : x;
  const Single shifted = x * 0x1.715476p0f + kRound;
  const Single n = shifted - kRound;
  const Single r = (x - n * 0x1.63p-1f) + n * 0x1.bd0106p-13f;  // ln 2 in two parts, the first of 9 bits
  const Single q =
      r +
      r * r *
          (1.0f / 2 + r * (1.0f / 6 + r * (1.0f / 24 + r * (1.0f / 120 + r * (1.0f / 720 + r * splat(1.0f / 5040))))));
  const Word power = ((Word)shifted + 127u) << 23;  // the low bits of `shifted` are n
  const Single scale = (Single)power;
  return scale * q + (scale - 1.0f);
}
SOTTO_INLINE Single sigmoid(Single x) {
  return 1.0f / (2.0f + exp_minus_one(-x));
}
SOTTO_INLINE Single tanh(Single x) {
  const Single e = exp_minus_one(x + x);
  return e / (e + 2.0f);
}

// Where the states of step number k are.
struct Step {
  std::size_t at, from, to;
};
SOTTO_INLINE Step step(const LstmShape& s, std::size_t k) {
  const std::size_t t = s.reverse ? s.steps - 1 - k : k;
  return {t, s.reverse ? t + 1 : t, s.reverse ? t : t + 1};
}

// sums[r][v] += sum_k taps[r][k] panel[k][v].
template <std::size_t kVectors>
SOTTO_INLINE void multiply(const float* const* taps, std::size_t count, const float* panel,
                           Single (&sums)[kRows][kVectors]) {
  const float* tap[kRows];
#pragma GCC unroll 8
  for (std::size_t r = 0; r < kRows; ++r) tap[r] = taps[r];
  for (std::size_t k = 0; k < count; ++k) {
    Single lane[kVectors];
#pragma GCC unroll 8
    for (std::size_t v = 0; v < kVectors; ++v)
      __builtin_memcpy(&lane[v], panel + (k * kVectors + v) * kLanes, sizeof lane[v]);
#pragma GCC unroll 8
    for (std::size_t r = 0; r < kRows; ++r)
#pragma GCC unroll 8
      for (std::size_t v = 0; v < kVectors; ++v) sums[r][v] += tap[r][k] * lane[v];
  }
}

// Rows of the tile that begins at record `first`; those beyond the last one repeat it.
SOTTO_INLINE std::size_t rows_of_tile(std::size_t records, std::size_t first, const float* from, std::size_t stride,
                                      const float* (&taps)[kRows]) {
  const std::size_t valid = records - first < kRows ? records - first : kRows;
  for (std::size_t r = 0; r < kRows; ++r) taps[r] = from + (first + (r < valid ? r : valid - 1)) * stride;
  return valid;
}

// to[b][k][gate][lane] of a weight [4H, count]; blocks of one vector of each gate, zeros behind the last column, and
// `stride` rows k between blocks.
SOTTO_INLINE void pack_gates(const float* weight, std::size_t hidden, std::size_t count, std::size_t stride,
                             float* to) {
  constexpr std::size_t kWidth = kGates * kLanes;
  for (std::size_t column = 0; column < hidden; column += kLanes)
    for (std::size_t g = 0; g < kGates; ++g)
      for (std::size_t l = 0; l < kLanes; ++l) {
        const bool there = column + l < hidden;
        const float* const from = weight + (g * hidden + column + l) * count;
        float* const lane = to + column / kLanes * stride * kWidth + g * kLanes + l;
        for (std::size_t k = 0; k < count; ++k) lane[k * kWidth] = there ? from[k] : 0;
      }
}

void steps_forward(const LstmShape& s, const float* input, const float* input_weight, const float* weight,
                   const float* bias, float* activations, float* h, float* c, float* scratch) {
  constexpr std::size_t kWidth = kGates * kLanes;
  const std::size_t hidden = s.hidden, inputs = s.inputs;
  const std::size_t stride = 1 + inputs + hidden;  // rows of a block: bias, input weight, weight
  if (bias != nullptr) {
    pack_gates(bias, hidden, 1, stride, scratch);
  } else {
    for (std::size_t b = 0; b < (hidden + kLanes - 1) / kLanes; ++b)
      for (std::size_t l = 0; l < kWidth; ++l) scratch[b * stride * kWidth + l] = 0;
  }
  pack_gates(input_weight, hidden, inputs, stride, scratch + kWidth);
  pack_gates(weight, hidden, hidden, stride, scratch + (1 + inputs) * kWidth);
  for (std::size_t n = 0; n < s.steps; ++n) {
    const Step at = step(s, n);
    const std::size_t gates_at = at.at * s.all_records * kGates * hidden;
    const std::size_t from = at.from * s.all_records * hidden, to = at.to * s.all_records * hidden;
    for (std::size_t column = 0; column < hidden; column += kLanes) {
      const float* const panel = scratch + column / kLanes * stride * kWidth;
      const std::size_t held = lanes_left(hidden, column);
      for (std::size_t first = 0; first < s.records; first += kRows) {
        const float *of_input[kRows], *of_state[kRows];
        rows_of_tile(s.records, first, input + at.at * s.all_records * inputs, inputs, of_input);
        const std::size_t valid = rows_of_tile(s.records, first, h + from, hidden, of_state);
        Single sums[kRows][kGates];
#pragma GCC unroll 8
        for (std::size_t r = 0; r < kRows; ++r) __builtin_memcpy(sums[r], panel, sizeof sums[r]);
        multiply<kGates>(of_input, inputs, panel + kWidth, sums);
        multiply<kGates>(of_state, hidden, panel + (1 + inputs) * kWidth, sums);
#pragma GCC unroll 8
        for (std::size_t r = 0; r < kRows; ++r) {
          if (r >= valid) continue;
          const std::size_t state = (first + r) * hidden + column;
          const Single i = sigmoid(sums[r][0]), f = sigmoid(sums[r][1]), g = tanh(sums[r][2]), o = sigmoid(sums[r][3]);
          const Single now = f * load(c + from + state, held) + i * g;
          float* const gate = activations + gates_at + (first + r) * kGates * hidden + column;
          store(i, gate, held);
          store(f, gate + hidden, held);
          store(g, gate + 2 * hidden, held);
          store(o, gate + 3 * hidden, held);
          store(now, c + to + state, held);
          store(o * tanh(now), h + to + state, held);
        }
      }
    }
  }
}

// A weight [4H, columns] as [4H, lanes of the block] for blocks of up to four vectors of columns.
SOTTO_INLINE void pack_columns(const float* weight, std::size_t rows, std::size_t columns, float* to) {
  const std::size_t vectors = (columns + kLanes - 1) / kLanes;
  for (std::size_t v = 0; v < vectors; ++v) {
    const std::size_t block = v / kGates * kGates, in_block = vectors - block < kGates ? vectors - block : kGates;
    float* const panel = to + block * rows * kLanes + (v - block) * kLanes;
    for (std::size_t j = 0; j < rows; ++j)
      for (std::size_t l = 0; l < kLanes; ++l)
        panel[j * in_block * kLanes + l] = v * kLanes + l < columns ? weight[j * columns + v * kLanes + l] : 0;
  }
}

template <std::size_t kVectors>
SOTTO_INLINE void product_block(const float* of_gates, std::size_t records, std::size_t rows, const float* panel,
                                std::size_t column, std::size_t columns, float* to) {
  for (std::size_t first = 0; first < records; first += kRows) {
    const float* taps[kRows];
    const std::size_t valid = rows_of_tile(records, first, of_gates, rows, taps);
    Single sums[kRows][kVectors] = {};
    multiply<kVectors>(taps, rows, panel, sums);
#pragma GCC unroll 8
    for (std::size_t r = 0; r < kRows; ++r) {
      if (r >= valid) continue;
#pragma GCC unroll 8
      for (std::size_t v = 0; v < kVectors; ++v) {
        const std::size_t begin = column + v * kLanes;
        store(sums[r][v], to + (first + r) * columns + begin, lanes_left(columns, begin));
      }
    }
  }
}

// to = of_gates weight, of a packed weight.
SOTTO_INLINE void product(const float* of_gates, std::size_t records, std::size_t rows, const float* packed,
                          std::size_t columns, float* to) {
  const std::size_t vectors = (columns + kLanes - 1) / kLanes;
  for (std::size_t block = 0; block < vectors; block += kGates) {
    const float* const panel = packed + block * rows * kLanes;
    switch (vectors - block) {
      case 1:
        product_block<1>(of_gates, records, rows, panel, block * kLanes, columns, to);
        break;
      case 2:
        product_block<2>(of_gates, records, rows, panel, block * kLanes, columns, to);
        break;
      case 3:
        product_block<3>(of_gates, records, rows, panel, block * kLanes, columns, to);
        break;
      default:
        product_block<4>(of_gates, records, rows, panel, block * kLanes, columns, to);
    }
  }
}

void steps_backward(const LstmShape& s, const float* activations, const float* c, const float* weight,
                    const float* of_output, float* of_gates, float* of_h, float* of_c, float* scratch) {
  const std::size_t hidden = s.hidden, rows = kGates * hidden;
  pack_columns(weight, rows, hidden, scratch);
  for (std::size_t n = s.steps; n-- > 0;) {
    const Step at = step(s, n);
    const std::size_t gates_at = at.at * s.all_records * rows;
    const std::size_t from = at.from * s.all_records * hidden, to = at.to * s.all_records * hidden;
    for (std::size_t record = 0; record < s.records; ++record)
      for (std::size_t column = 0; column < hidden; column += kLanes) {
        const std::size_t state = record * hidden + column, held = lanes_left(hidden, column);
        const float* const gate = activations + gates_at + record * rows + column;
        float* const of_gate = of_gates + gates_at + record * rows + column;
        const Single i = load(gate, held), f = load(gate + hidden, held), g = load(gate + 2 * hidden, held),
                     o = load(gate + 3 * hidden, held);
        Single dh = load(of_h + state, held);
        if (of_output != nullptr) dh += load(of_output + at.at * s.all_records * hidden + state, held);
        const Single bent = tanh(load(c + to + state, held));
        const Single dc = load(of_c + state, held) + dh * o * (1.0f - bent * bent);
        store(dc * g * i * (1.0f - i), of_gate, held);
        store(dc * load(c + from + state, held) * f * (1.0f - f), of_gate + hidden, held);
        store(dc * i * (1.0f - g * g), of_gate + 2 * hidden, held);
        store(dh * bent * o * (1.0f - o), of_gate + 3 * hidden, held);
        store(dc * f, of_c + state, held);
      }
    product(of_gates + gates_at, s.records, rows, scratch, hidden, of_h);
  }
}

void input_backward(const LstmShape& s, const float* of_gates, const float* input_weight, float* of_input,
                    float* scratch) {
  const std::size_t rows = kGates * s.hidden;
  pack_columns(input_weight, rows, s.inputs, scratch);
  for (std::size_t t = 0; t < s.steps; ++t)
    product(of_gates + t * s.all_records * rows, s.records, rows, scratch, s.inputs,
            of_input + t * s.all_records * s.inputs);
}

#undef SOTTO_INLINE

constexpr detail::LstmKernels lstm_kernels(const char* name) {
  return {name, steps_forward, steps_backward, input_backward};
}

}  // namespace
}  // namespace sotto::kernels

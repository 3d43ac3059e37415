#include <gtest/gtest.h>
#include <sotto/kernels/lstm_kernels.h>

#include <cmath>
#include <cstdint>
#include <limits>
#include <memory>
#include <vector>

#include "random_values.h"

namespace sotto::kernels::testing {
namespace {

constexpr double kUnit = 0x1p-24;
constexpr double kActivation = 8 * kUnit;  // relative error of sigmoid and tanh, see lstm_steps.h

// All records of a layer; the kernels get a part of them.
struct Layer {
  LstmShape shape;  // records: those of the call
  std::size_t first = 0;
  std::vector<float> input, input_weight, weight, bias;
  std::vector<float> activations, h, c;  // of the forward pass
  std::vector<float> of_output, of_gates, of_h, of_c, of_input;

  std::size_t inputs() const { return shape.inputs; }
  std::size_t hidden() const { return shape.hidden; }
  std::size_t at(std::size_t t, std::size_t record, std::size_t width) const {
    return (t * shape.all_records + first + record) * width;
  }
  std::size_t from(std::size_t t) const { return shape.reverse ? t + 1 : t; }
  std::size_t to(std::size_t t) const { return shape.reverse ? t : t + 1; }
};

std::vector<float> scaled(std::vector<float> values, double factor) {
  for (float& value : values) value = static_cast<float>(value * factor);
  return values;
}

Layer random_layer(LstmShape s, std::size_t first) {
  RandomValues<float> random(17 + s.steps + 31 * s.hidden + 1009 * s.inputs);
  const std::size_t rows = s.all_records, wide = 4 * s.hidden, width = s.inputs;
  const double scale = 1.0 / std::sqrt(static_cast<double>(s.hidden + 1));
  Layer l;
  l.shape = s;
  l.first = first;
  l.input = random(s.steps * rows * width);
  l.input_weight = scaled(random(wide * width), scale);
  l.weight = scaled(random(wide * s.hidden), scale);
  l.bias = scaled(random(wide), scale);
  l.activations.assign(s.steps * rows * wide, -7);
  l.h = random((s.steps + 1) * rows * s.hidden);
  l.c = random((s.steps + 1) * rows * s.hidden);
  l.of_output = random(s.steps * rows * s.hidden);
  l.of_gates.assign(s.steps * rows * wide, -7);
  l.of_h = random(rows * s.hidden);
  l.of_c = random(rows * s.hidden);
  l.of_input.assign(s.steps * rows * width, -7);
  return l;
}

// Scratch has exactly the size that may be touched.
template <class Run>
void with_scratch(const LstmShape& shape, const Run& run) {
  const std::size_t bytes = lstm_scratch(shape);
  const std::unique_ptr<unsigned char[]> scratch(new unsigned char[bytes]);
  for (std::size_t k = 0; k < bytes; ++k) scratch[k] = 0xff;
  const std::size_t past = reinterpret_cast<std::uintptr_t>(scratch.get()) % 64;
  run(reinterpret_cast<float*>(scratch.get() + (64 - past) % 64));
}

void forward(const detail::LstmKernels& kernels, Layer& l, bool with_bias = true) {
  with_scratch(l.shape, [&](float* scratch) {
    kernels.steps(l.shape, l.input.data() + l.at(0, 0, l.inputs()), l.input_weight.data(), l.weight.data(),
                  with_bias ? l.bias.data() : nullptr, l.activations.data() + l.at(0, 0, 4 * l.hidden()),
                  l.h.data() + l.at(0, 0, l.hidden()), l.c.data() + l.at(0, 0, l.hidden()), scratch);
  });
}

void backward(const detail::LstmKernels& kernels, Layer& l, bool with_output = true) {
  const std::size_t gates = l.at(0, 0, 4 * l.hidden()), states = l.at(0, 0, l.hidden());
  with_scratch(l.shape, [&](float* scratch) {
    kernels.steps_back(l.shape, l.activations.data() + gates, l.c.data() + states, l.weight.data(),
                       with_output ? l.of_output.data() + states : nullptr, l.of_gates.data() + gates,
                       l.of_h.data() + states, l.of_c.data() + states, scratch);
  });
  with_scratch(l.shape, [&](float* scratch) {
    kernels.input_back(l.shape, l.of_gates.data() + gates, l.input_weight.data(),
                       l.of_input.data() + l.at(0, 0, l.inputs()), scratch);
  });
}

struct Bounded {
  double value = 0, error = 0;
};
void expect_near(float actual, const Bounded& expected, const char* what) {
  ASSERT_LE(std::abs(static_cast<double>(actual) - expected.value), expected.error) << what;
}

// Every step from the states that the kernel itself began it with, so that errors do not build up.
void expect_right_steps(const Layer& l, bool with_bias) {
  const std::size_t inputs = l.inputs(), hidden = l.hidden();
  for (std::size_t t = 0; t < l.shape.steps; ++t)
    for (std::size_t r = 0; r < l.shape.records; ++r)
      for (std::size_t k = 0; k < hidden; ++k) {
        Bounded gate[4];
        for (std::size_t g = 0; g < 4; ++g) {
          const std::size_t row = g * hidden + k;
          double sum = with_bias ? l.bias[row] : 0, size = std::abs(sum);
          const auto add = [&](double a, double b) { sum += a * b, size += std::abs(a * b); };
          for (std::size_t e = 0; e < inputs; ++e)
            add(l.input[l.at(t, r, inputs) + e], l.input_weight[row * inputs + e]);
          for (std::size_t e = 0; e < hidden; ++e) add(l.h[l.at(l.from(t), r, hidden) + e], l.weight[row * hidden + e]);
          const double value = g == 2 ? std::tanh(sum) : 1 / (1 + std::exp(-sum));
          // Neither function is steeper than 1.
          gate[g] = {value, static_cast<double>(inputs + hidden + 2) * kUnit * size + kActivation * std::abs(value) +
                                0x1p-126};
          expect_near(l.activations[l.at(t, r, 4 * hidden) + row], gate[g], "activation");
        }
        const double before = l.c[l.at(l.from(t), r, hidden) + k];
        const double now = gate[1].value * before + gate[0].value * gate[2].value;
        const double rounded = 3 * kUnit * (std::abs(gate[1].value * before) + std::abs(gate[0].value * gate[2].value));
        const Bounded state{now, gate[1].error * std::abs(before) + gate[0].error + gate[2].error + rounded + 0x1p-126};
        expect_near(l.c[l.at(l.to(t), r, hidden) + k], state, "c");
        expect_near(l.h[l.at(l.to(t), r, hidden) + k],
                    {gate[3].value * std::tanh(now), gate[3].error + state.error + kActivation + kUnit}, "h");
      }
}

// The gradients in double from the kernel's activations, with a bound of what float arithmetic adds at every step.
void expect_right_gradients(const Layer& before, const Layer& l, bool with_output) {
  const std::size_t inputs = l.inputs(), hidden = l.hidden();
  for (std::size_t r = 0; r < l.shape.records; ++r) {
    std::vector<Bounded> of_h(hidden), of_c(hidden), of_gates(4 * hidden);
    for (std::size_t k = 0; k < hidden; ++k) {
      of_h[k].value = before.of_h[l.at(0, r, hidden) + k];
      of_c[k].value = before.of_c[l.at(0, r, hidden) + k];
    }
    for (std::size_t n = l.shape.steps; n-- > 0;) {
      const std::size_t t = l.shape.reverse ? l.shape.steps - 1 - n : n;
      for (std::size_t k = 0; k < hidden; ++k) {
        const float* const gate = l.activations.data() + l.at(t, r, 4 * hidden) + k;
        const double i = gate[0], f = gate[hidden], g = gate[2 * hidden], o = gate[3 * hidden];
        const double bent = std::tanh(static_cast<double>(l.c[l.at(l.to(t), r, hidden) + k]));
        Bounded dh = of_h[k], dc = of_c[k];
        if (with_output) {
          const double output = l.of_output[l.at(t, r, hidden) + k];
          dh = {dh.value + output, dh.error + kUnit * (std::abs(dh.value) + std::abs(output))};
        }
        const double down = dh.value * o * (1 - bent * bent);
        // 1 - bent^2 is off by at most 2 kActivation + 2 units of 1.
        dc = {dc.value + down, dc.error + dh.error + 3 * kUnit * std::abs(down) +
                                   std::abs(dh.value * o) * (2 * kActivation + 2 * kUnit) + kUnit * std::abs(dc.value)};
        // A product of four factors, one of them 1 - x with an error of a unit of 1.
        const auto product = [](const Bounded& gradient, double a, double b, double slope) {
          return Bounded{gradient.value * a * b * slope,
                         gradient.error * std::abs(a * b) + std::abs(gradient.value * a * b) * (5 * kUnit) + 0x1p-126};
        };
        of_gates[k] = product(dc, g, i, 1 - i);
        of_gates[hidden + k] = product(dc, l.c[l.at(l.from(t), r, hidden) + k], f, 1 - f);
        of_gates[2 * hidden + k] = product(dc, i, 1, 1 - g * g);
        of_gates[3 * hidden + k] = product(dh, bent, o, 1 - o);
        of_gates[3 * hidden + k].error += std::abs(dh.value * bent) * kActivation;
        of_c[k] = {dc.value * f, dc.error + kUnit * std::abs(dc.value)};
      }
      const auto back = [&](const std::vector<float>& weight, std::size_t columns, std::size_t column) {
        Bounded sum;
        double size = 0;
        for (std::size_t j = 0; j < 4 * hidden; ++j) {
          const double w = weight[j * columns + column];
          sum.value += of_gates[j].value * w;
          sum.error += of_gates[j].error * std::abs(w);
          size += std::abs(of_gates[j].value * w);
        }
        sum.error += 1.1 * static_cast<double>(4 * hidden) * kUnit * size + 0x1p-126;
        return sum;
      };
      for (std::size_t j = 0; j < 4 * hidden; ++j)
        expect_near(l.of_gates[l.at(t, r, 4 * hidden) + j], of_gates[j], "gradient of a gate");
      for (std::size_t e = 0; e < inputs; ++e)
        expect_near(l.of_input[l.at(t, r, inputs) + e], back(l.input_weight, inputs, e), "gradient of an input");
      for (std::size_t k = 0; k < hidden; ++k) of_h[k] = back(l.weight, hidden, k);
    }
    for (std::size_t k = 0; k < hidden; ++k) {
      expect_near(l.of_h[l.at(0, r, hidden) + k], of_h[k], "gradient of the first h");
      expect_near(l.of_c[l.at(0, r, hidden) + k], of_c[k], "gradient of the first c");
    }
  }
}

struct Size {
  std::size_t steps, records, all, first, inputs, hidden;
};
constexpr Size kSizes[] = {{0, 2, 2, 0, 3, 4},   {1, 0, 2, 1, 3, 4},   {1, 1, 1, 0, 1, 1},   {2, 3, 5, 1, 0, 4},
                           {3, 4, 4, 0, 7, 16},  {2, 7, 9, 2, 17, 17}, {4, 5, 5, 0, 33, 15}, {2, 9, 9, 0, 20, 33},
                           {2, 3, 3, 0, 70, 50}, {1, 2, 2, 0, 5, 100}};

template <class Check>
void for_all_sizes(const Check& check) {
  for (const detail::LstmKernels& kernels : detail::supported_lstm_kernels())
    for (const Size& s : kSizes)
      for (const bool reverse : {false, true})
        for (const bool all_given : {false, true}) {
          SCOPED_TRACE(::testing::Message() << kernels.name << ", T " << s.steps << ", R " << s.records << ", E "
                                            << s.inputs << ", H " << s.hidden << (reverse ? ", reverse" : ""));
          check(kernels, random_layer({s.steps, s.records, s.all, s.inputs, s.hidden, reverse}, s.first), all_given);
        }
}

TEST(LstmSteps, AreThoseInDouble) {
  for_all_sizes([](const detail::LstmKernels& kernels, Layer layer, bool with_bias) {
    forward(kernels, layer, with_bias);
    expect_right_steps(layer, with_bias);
  });
}

TEST(LstmSteps, GoBackAsInDouble) {
  for_all_sizes([](const detail::LstmKernels& kernels, Layer layer, bool with_output) {
    forward(kernels, layer);
    const Layer before = layer;
    backward(kernels, layer, with_output);
    expect_right_gradients(before, layer, with_output);
  });
}

// Records beside those of the call, and what was never a number in one record.
TEST(LstmSteps, LeaveOtherRecordsAlone) {
  const LstmShape shape{3, 5, 9, 6, 20, false};
  for (const detail::LstmKernels& kernels : detail::supported_lstm_kernels()) {
    const Layer untouched = random_layer(shape, 2);
    Layer sound = untouched, spoilt = untouched;
    for (std::size_t e = 0; e < 6; ++e) spoilt.input[spoilt.at(1, 3, 6) + e] = std::numeric_limits<float>::quiet_NaN();
    for (Layer* layer : {&sound, &spoilt}) {
      forward(kernels, *layer);
      backward(kernels, *layer);
    }
    for (std::size_t t = 0; t < 3; ++t)
      for (std::size_t record = 0; record < 9; ++record) {
        const bool of_call = record >= 2 && record < 7, bad = record == 5;
        for (std::size_t k = 0; k < 20; ++k) {
          const std::size_t state = ((t + 1) * 9 + record) * 20 + k;
          EXPECT_EQ(sound.h[state] == untouched.h[state], !of_call);
          EXPECT_EQ(std::isnan(spoilt.h[state]), bad && t >= 1);
          EXPECT_TRUE(bad || spoilt.h[state] == sound.h[state]);
        }
        for (std::size_t j = 0; j < 80; ++j) {
          const std::size_t gate = (t * 9 + record) * 80 + j;
          EXPECT_EQ(sound.of_gates[gate] == -7, !of_call);
          EXPECT_EQ(std::isnan(spoilt.of_gates[gate]), bad);
          EXPECT_TRUE(bad || spoilt.of_gates[gate] == sound.of_gates[gate]);
        }
      }
  }
}

TEST(LstmSteps, GoTheSameWayThroughThePublicFunctions) {
  const Layer layer = random_layer({3, 5, 5, 6, 20, false}, 0);
  Layer expected = layer, actual = layer;
  const detail::LstmKernels& kernels = detail::supported_lstm_kernels().front();
  forward(kernels, expected);
  backward(kernels, expected);
  std::vector<unsigned char> scratch(lstm_scratch(layer.shape));
  lstm_steps(layer.shape, actual.input.data(), actual.input_weight.data(), actual.weight.data(), actual.bias.data(),
             actual.activations.data(), actual.h.data(), actual.c.data(), scratch.data());
  lstm_steps_back(layer.shape, actual.activations.data(), actual.c.data(), actual.weight.data(),
                  actual.of_output.data(), actual.of_gates.data(), actual.of_h.data(), actual.of_c.data(),
                  scratch.data());
  lstm_input_back(layer.shape, actual.of_gates.data(), actual.input_weight.data(), actual.of_input.data(),
                  scratch.data());
  EXPECT_EQ(actual.h, expected.h);
  EXPECT_EQ(actual.of_gates, expected.of_gates);
  EXPECT_EQ(actual.of_h, expected.of_h);
  EXPECT_EQ(actual.of_c, expected.of_c);
  EXPECT_EQ(actual.of_input, expected.of_input);
}

}  // namespace
}  // namespace sotto::kernels::testing

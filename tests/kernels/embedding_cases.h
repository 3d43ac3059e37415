#pragma once
// Inputs of the tests of embedding norms, and their squared norms from tables that are formed in long double.

#include <sotto/kernels/embedding_norms.h>

#include <cmath>
#include <map>
#include <vector>

#include "random_values.h"

namespace sotto::kernels::testing {

template <class T>
struct EmbeddingCase {
  EmbeddingShape shape;
  std::vector<std::int64_t> tokens;
  std::vector<T> scale;  // empty: none
  std::vector<T> gradient;
};

// Tokens 0 to vocabulary - 1; strides leave gaps.
template <class T>
EmbeddingCase<T> random_embedding(std::size_t records, std::size_t positions, std::size_t per_row, std::size_t columns,
                                  std::uint64_t vocabulary, bool scaled) {
  const std::size_t rows = positions / per_row;
  EmbeddingCase<T> c;
  c.shape = {records, positions, per_row, columns, positions + 2, rows * (columns + 3) + 1, columns + 3, -1};
  RandomValues<T> random(positions * 1000 + columns * 10 + vocabulary);
  const std::size_t held = records == 0 ? 0 : (records - 1) * c.shape.token_record_stride + positions;
  for (const double x : RandomValues<double>(positions + vocabulary)(held))
    c.tokens.push_back(static_cast<std::int64_t>(std::fmod(std::abs(x) * 1e6, static_cast<double>(vocabulary))));
  if (scaled) c.scale = random(held);
  c.gradient = random(records == 0 || rows == 0 ? 0
                                                : (records - 1) * c.shape.gradient_record_stride +
                                                      (rows - 1) * c.shape.gradient_row_stride + columns);
  return c;
}

struct EmbeddingTruth {
  long double squared_norm = 0;
  long double bound = 0;
};

template <class T>
EmbeddingTruth truth_of(const EmbeddingCase<T>& c, std::size_t record) {
  const EmbeddingShape& s = c.shape;
  std::map<std::int64_t, std::vector<long double>> table;
  EmbeddingTruth truth;
  for (std::size_t t = 0; t < s.positions; ++t) {
    const std::size_t at = record * s.token_record_stride + t;
    if (s.padding >= 0 && c.tokens[at] == s.padding) continue;
    auto& row = table.try_emplace(c.tokens[at], s.columns, 0.0L).first->second;
    const long double scale = c.scale.empty() ? T{1} : c.scale[at];
    long double norm = 0;
    for (std::size_t j = 0; j < s.columns; ++j) {
      const long double x =
          c.gradient[record * s.gradient_record_stride + t / s.positions_per_row * s.gradient_row_stride + j];
      row[j] += scale * x;
      norm += x * x;
    }
    truth.bound += std::abs(scale) * std::sqrt(norm);
  }
  for (const auto& [token, row] : table)
    for (const long double x : row) truth.squared_norm += x * x;
  return truth;
}

// Every token twice, with gradients that cancel but for 2^-20 of their size.
template <class T>
EmbeddingCase<T> cancelling_embedding(std::size_t tokens, std::size_t columns) {
  auto c = random_embedding<T>(1, 2 * tokens, 1, columns, 1, false);
  for (std::size_t t = 0; t < 2 * tokens; ++t) {
    c.tokens[t] = static_cast<std::int64_t>(t % tokens);
    if (t < tokens) continue;
    for (std::size_t j = 0; j < columns; ++j)
      c.gradient[t * (columns + 3) + j] = -c.gradient[(t - tokens) * (columns + 3) + j] * static_cast<T>(1 + 0x1p-20);
  }
  return c;
}

}  // namespace sotto::kernels::testing

// Calls of Fourier transforms and of operators on complex numbers.

#include <ATen/ops/complex.h>

#include "transfer_case_values.h"

namespace sotto::optim {

void add_complex_cases(std::vector<Case>& all) {
  const auto add = [&](const std::string& name, std::vector<c10::IValue> arguments) {
    all.push_back({name, "", std::move(arguments), false});
  };
  const auto complex = [](at::IntArrayRef sizes) { return at::complex(uniform(sizes), uniform(sizes)); };
  constexpr int64_t kUnscaled = 0;
  for (const Ints& dims : {Ints{0}, Ints{1}, Ints{2}, Ints{1, 2}, Ints{0, 1}})
    add("_fft_c2c", {complex({3, 6, 3}), dims, kUnscaled, true});
  for (const int64_t dim : {0, 1, 2}) {
    for (const bool half : {true, false}) add("_fft_r2c", {uniform({3, 6, 3}), Ints{dim}, kUnscaled, half});
    add("_fft_c2r", {complex({3, 6, 3}), Ints{dim}, kUnscaled, dim == 1 ? 10 : 4});  // 2 (size - 1)
  }
  add("view_as_real", {complex({3, 6})});
  add("view_as_complex", {uniform({3, 6, 2})});
  add("complex", {uniform({3, 3}), uniform({3})});
  add("polar", {uniform({3, 3}), uniform({3})});
  for (const char* name : {"angle", "_conj", "_conj_physical", "resolve_conj"}) add(name, {complex({3, 6})});
  for (const char* name : {"_neg_view", "resolve_neg"}) add(name, {uniform({3, 6})});
}

}  // namespace sotto::optim

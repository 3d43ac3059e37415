#pragma once
// The product of two fixed matrices, computed by LibTorch in whatever process asks for it.

#include <ATen/CPUGeneratorImpl.h>
#include <ATen/Parallel.h>
#include <ATen/ops/abs.h>
#include <ATen/ops/mm.h>
#include <ATen/ops/randn.h>

#include <cstdint>
#include <span>
#include <utility>
#include <vector>

namespace sotto::tools::testing {

inline constexpr const char* kMatmulQuestion = "mkl_serv_intel_cpu_true";
inline constexpr int64_t kRows = 37, kInner = 301, kColumns = 53;

inline std::pair<at::Tensor, at::Tensor> factors() {
  const at::Generator generator = at::detail::createCPUGenerator(3);
  at::Tensor left = at::randn({kRows, kInner}, generator);
  return {left, at::randn({kInner, kColumns}, generator)};
}

inline std::vector<float> values(const at::Tensor& tensor) {
  const at::Tensor flat = tensor.contiguous();
  return {flat.const_data_ptr<float>(), flat.const_data_ptr<float>() + flat.numel()};
}

inline std::vector<float> product() {
  at::set_num_threads(1);
  const auto [left, right] = factors();
  return values(at::mm(left, right));
}

}  // namespace sotto::tools::testing

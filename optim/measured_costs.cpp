#include <ATen/Parallel.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/ones.h>
#include <fmt/format.h>
#include <sotto/kernels/gram_norms.h>
#include <sotto/kernels/tile_norms.h>
#include <sotto/optim/measured_costs.h>
#include <sotto/optim/outer_sum.h>
#include <sotto/privacy/error.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <functional>
#include <initializer_list>
#include <limits>
#include <utility>
#include <vector>

namespace sotto::optim {
namespace {

using Clock = std::chrono::steady_clock;

constexpr int64_t kRecords = 16, kPositions = 128, kColumns = 384;  // a layer of the encoder in models/
constexpr int64_t kCopiedBytes = 64LL << 20;
constexpr std::chrono::milliseconds kSpell{60};  // for each figure
constexpr int kLeastRuns = 3;

double fastest_seconds(const std::function<void()>& work) {
  work();  // memory, threads
  double fastest = std::numeric_limits<double>::infinity();
  const auto begin = Clock::now();
  for (int run = 0; run < kLeastRuns || Clock::now() - begin < kSpell; ++run) {
    const auto start = Clock::now();
    work();
    fastest = std::min(fastest, std::chrono::duration<double>(Clock::now() - start).count());
  }
  return fastest;
}

double per_second(double amount, double seconds) {
  constexpr double kKept = 100.0;  // three digits
  const double exact = amount / std::max(seconds, 1e-9);
  const double unit = std::pow(10.0, std::floor(std::log10(exact))) / kKept;
  return std::round(exact / unit) * unit;
}

// work(record, scratch) for all records, as the tape's uses share them among threads.
void for_each_record(size_t scratch_bytes, const std::function<void(int64_t record, void* scratch)>& work) {
  at::parallel_for(0, kRecords, 1, [&](int64_t begin, int64_t end) {
    std::vector<std::byte> scratch(scratch_bytes);
    for (int64_t i = begin; i < end; ++i) work(i, scratch.data());
  });
}

}  // namespace

KernelCosts measured_costs() {
  const at::NoGradGuard no_grad;
  const at::Tensor rows = at::ones({kRecords, kPositions, kColumns}, at::kFloat);
  const auto* values = rows.const_data_ptr<float>();
  const int64_t stride = kPositions * kColumns;
  const kernels::OuterShape shape{.records = 1,
                                  .positions = kPositions,
                                  .left_columns = kColumns,
                                  .right_columns = kColumns,
                                  .left_position_stride = kColumns,
                                  .right_position_stride = kColumns};
  double computed[kRecords], bounds[kRecords];
  const at::Tensor scale = at::ones({kRecords}, at::kFloat);
  at::Tensor sum = at::ones({kColumns, kColumns}, at::kFloat);
  const double product = fastest_seconds([&] { add_outer_sum(rows, scale, rows, scale, sum); });
  const double tiles = fastest_seconds([&] {
    for_each_record(kernels::tile_norm_scratch<float>(shape), [&](int64_t i, void* scratch) {
      kernels::tile_norms(shape, values + i * stride, values + i * stride, nullptr, 0, scratch, computed + i);
    });
  });
  const double gram = fastest_seconds([&] {
    for_each_record(kernels::gram_norm_scratch<float>(shape), [&](int64_t i, void* scratch) {
      kernels::gram_norms(shape, values + i * stride, values + i * stride, scratch, computed + i, bounds + i);
    });
  });

  const at::Tensor from = at::ones({kCopiedBytes}, at::kByte);
  at::Tensor to = at::empty({kCopiedBytes}, at::kByte);
  const double copy = fastest_seconds([&] { to.copy_(from); });

  constexpr double kPairs = 1.0 * kRecords * kColumns;  // of a record and a column
  return {.product = per_second(2.0 * kPairs * kColumns * kPositions, product),
          .record_products = per_second(2.0 * kPairs * kColumns * kPositions, tiles),
          .gram = per_second(2.0 * kPairs * kPositions * (kPositions + 1), gram),
          .bytes = per_second(2.0 * kCopiedBytes, copy)};
}

void check_costs(const KernelCosts& costs) {
  for (const auto& [name, value] :
       std::initializer_list<std::pair<const char*, double>>{{"product", costs.product},
                                                             {"record_products", costs.record_products},
                                                             {"gram", costs.gram},
                                                             {"bytes", costs.bytes}}) {
    if (!(value > 0.0) || !std::isfinite(value))
      throw UsageError(fmt::format("[KernelCosts] {}: {}; must be finite and above 0", name, value));
  }
}

}  // namespace sotto::optim

// The program's --matmul: the first tests run it with a library that prints a matrix product in the place of its own.

#include <dlfcn.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <limits>

#include "matmul_product.h"
#include "program.h"

namespace sotto::tools::testing {
namespace {

struct Probe {
  int told = -1;  // what MKL is told: 1 for a processor of Intel's
  std::vector<float> product;
};

Probe probe(const Words& setting) {
  const sotto::testing::ScratchFolder folder;
  const Outcome outcome =
      run(Words{"train", "mnist", "--rule", "none", "--output", (folder.path() / "run").string()} + setting,
          [] { ::setenv("SOTTO_LIBRARY_PATH", SOTTO_PROBE_FOLDER, /*overwrite=*/1); });
  EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
  std::istringstream lines(outcome.out);
  Probe result;
  lines >> result.told;
  for (std::string text; lines >> text;) result.product.push_back(std::strtof(text.c_str(), nullptr));
  return result;
}

// This test links to LibTorch and exports nothing: its answer is the stock one.
int stock_answer() {
  auto* ask = reinterpret_cast<int (*)()>(::dlsym(RTLD_DEFAULT, kMatmulQuestion));
  return ask == nullptr ? -1 : ask();
}

TEST(Matmul, WithoutTheSettingTheProgramComputesWhatStockLibTorchComputes) {
  for (const Words& setting : {Words{}, Words{"--matmul", "stock"}}) {
    const Probe stock = probe(setting);
    EXPECT_EQ(stock.told, std::max(stock_answer(), 0));
    EXPECT_EQ(stock.product, product());
  }
}

TEST(Matmul, TheSwitchReachesLibTorchAndChangesAProductByRoundingAlone) {
  if (stock_answer() < 0) GTEST_SKIP() << "this LibTorch holds no MKL";
  const Probe fast = probe({"--matmul", "fast"});
  EXPECT_EQ(fast.told, 1);
  const std::vector<float> stock = product();
  ASSERT_EQ(fast.product.size(), stock.size());
  // Either sum, in whatever order, is within gamma_n (|A| |B|) of the exact one (Higham, Accuracy and Stability of
  // Numerical Algorithms, 3.5), so they are within twice that of each other; |A| |B| itself is computed here.
  const double unit = std::numeric_limits<float>::epsilon() / 2;
  const double gamma = kInner * unit / (1 - kInner * unit);
  const auto [left, right] = factors();
  const at::Tensor sizes = at::mm(left.abs().to(at::kDouble), right.abs().to(at::kDouble)).contiguous();
  for (size_t i = 0; i < stock.size(); ++i)
    EXPECT_LE(std::abs(static_cast<double>(fast.product[i]) - stock[i]), 2 * gamma * sizes.const_data_ptr<double>()[i]);
}

TEST(Matmul, AnotherWordIsRefusedByEveryCommandThatTakesIt) {
  sotto::testing::ScratchFolder folder;
  for (const Words& command :
       {Words{"bench", "step", "--model", "mlp"},
        Words{"train", "mnist", "--epsilon", "1", "--output", (folder.path() / "run").string()}}) {
    const Outcome outcome = run(command + Words{"--matmul", "quick"});
    EXPECT_EQ(outcome.exit_code, 64);
    EXPECT_NE(outcome.err.find("[--matmul] unknown value: 'quick'; allowed are stock, fast"), std::string::npos)
        << outcome.err;
  }
}

}  // namespace
}  // namespace sotto::tools::testing

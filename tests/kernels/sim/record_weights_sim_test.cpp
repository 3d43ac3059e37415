// Weights of a device, executed on the processor: the bits of the processor's twin. What these are is tested with
// WeightRule and ClipperTest.

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "../../../kernels/record_weights_cuda.cu"
#include "runs.h"

namespace sotto::kernels::testing {
namespace {

using Kind = WeightFormula::Kind;

// Squared norms over 120 decades, their slacks, and what is no norm.
struct Norms {
  std::vector<double> computed, slack;
};
Norms norms(std::size_t groups, std::size_t records) {
  Norms made;
  for (std::size_t k = 0; k < groups * records; ++k) {
    const double squared = std::pow(10.0, -60.0 + 120.0 * std::fmod(static_cast<double>(k) * 0.618, 1.0));
    made.computed.push_back(k % 17 == 3 ? std::nan("") : k % 13 == 5 ? 0.0 : k % 19 == 7 ? -squared : squared);
    made.slack.push_back(k % 23 == 4 ? std::numeric_limits<double>::infinity() : k % 2 == 0 ? 0.0 : 1e-3 * squared);
  }
  return made;
}

TEST(WeightsOnDevice, HaveTheBitsOfTheProcessor) {
  for (const Kind kind : {Kind::flat, Kind::psac, Kind::auto_s, Kind::nsgd}) {
    for (const std::size_t records : sizes({0, 33, 700}, {70})) {
      for (const std::size_t groups : {1U, 3U}) {
        std::vector<WeightFormula> formulas;
        for (std::size_t g = 0; g < groups; ++g) formulas.push_back({kind, 0.1 + static_cast<double>(g), 0.07});
        const Norms made = norms(groups, records);
        const Exact<double> computed(made.computed), slack(made.slack);
        std::vector<std::uint8_t> pattern;
        for (std::size_t i = 0; i < records; ++i) pattern.push_back(i % 5 != 2);
        const Exact<std::uint8_t> active(pattern);
        for (const std::uint8_t* chosen :
             {static_cast<const std::uint8_t*>(nullptr), static_cast<const std::uint8_t*>(active.get())}) {
          std::vector<float> expected(groups * records, -1.0F);
          record_weights(formulas, computed.get(), slack.get(), chosen, records, expected.data());
          const auto out = same_under_all<std::vector<float>>([&](unsigned block) {
            const Exact<float> weights(std::vector<float>(groups * records, -1.0F));
            cuda::record_weights(formulas, computed.get(), slack.get(), chosen, records, weights.get(), nullptr, block);
            return weights.to_vector();
          });
          EXPECT_EQ(out, expected);
        }
      }
    }
  }
}

TEST(WeightsOnDevice, RefuseMoreGroupsThanALaunchTakes) {
  const std::vector<WeightFormula> formulas(kMostWeightGroups + 1);
  EXPECT_THROW(cuda::record_weights(formulas, nullptr, nullptr, nullptr, 1, nullptr, nullptr), std::invalid_argument);
}

// What the sum of a record's gradient with this weight may be at most.
TEST(RecordWeights, ARecordThatIsNotFiniteInOneGroupIsLeftOutOfAll) {
  const std::vector<WeightFormula> formulas(2, {Kind::flat, 1.0, 0.0});
  const std::vector<double> computed = {4.0, 4.0, 0.25, std::nan(""), 1.0, 0.25};
  const std::vector<double> slack = {0, 0, 0, 0, std::numeric_limits<double>::infinity(), 0};
  std::vector<float> weights(6, -1.0F);
  record_weights(formulas, computed.data(), slack.data(), nullptr, 3, weights.data());
  EXPECT_EQ(weights[0], 0.0F);
  EXPECT_EQ(weights[3], 0.0F);
  EXPECT_EQ(weights[1], 0.0F);
  EXPECT_EQ(weights[4], 0.0F);
  EXPECT_EQ(weights[2], 1.0F);
  EXPECT_EQ(weights[5], 1.0F);
}

}  // namespace
}  // namespace sotto::kernels::testing

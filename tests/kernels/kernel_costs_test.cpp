#include <gtest/gtest.h>
#include <sotto/kernels/kernel_costs.h>

namespace sotto::kernels {
namespace {

// Counted by hand for the first layer of the cnn: 512 records, 16 x 64 weights, 14 x 14 places.
TEST(KernelCosts, OfAConvolutionAreItsProductsAndItsArrays) {
  constexpr ConvolutionShape kLayer{.records = 512,
                                    .channels = 1,
                                    .height = 28,
                                    .width = 28,
                                    .outputs = 16,
                                    .out_height = 14,
                                    .out_width = 14,
                                    .kernel_height = 8,
                                    .kernel_width = 8};
  constexpr KernelCost kCost = convolution_norm_cost(kLayer, 4, true);
  EXPECT_EQ(kCost.operations, 205520896.0);
  EXPECT_EQ(kCost.bytes, 4.0 * 512 * (28 * 28 + 16 * 14 * 14 + 16 * 64));
  EXPECT_EQ(convolution_norm_cost(kLayer, 4, false).bytes, 4.0 * 512 * (28 * 28 + 16 * 14 * 14));
}

TEST(KernelCosts, OfOuterProductsAreThoseOfPairsOrOfElements) {
  constexpr OuterShape kShape{.records = 3, .positions = 4, .left_columns = 5, .right_columns = 6};
  EXPECT_EQ(gram_norm_cost(kShape, 4).operations, 3.0 * (4 * 5 / 2) * 2 * (5 + 6));
  EXPECT_EQ(gram_norm_cost(kShape, 4).bytes, 3.0 * 4 * 11 * 4);
  EXPECT_EQ(tile_norm_cost(kShape, 8, true).operations, 3.0 * 5 * 6 * 4 * 2);
  EXPECT_EQ(tile_norm_cost(kShape, 8, true).bytes, 8.0 * (3 * 4 * 11 + 3 * 30));
}

TEST(KernelCosts, OfPassesOverMemoryAreTheirArrays) {
  EXPECT_EQ(row_pass_cost(7, 9, 4).bytes, 4.0 * 63);
  EXPECT_EQ(embedding_norm_cost({.records = 2, .positions = 6, .positions_per_row = 3, .columns = 5}, 4).bytes,
            12.0 * 8 + 4 * 5 * 4);
  EXPECT_EQ(normalisation_cost({.records = 2, .outer = 3, .channels = 4, .inner = 5}, 4).bytes, 2.0 * 120 * 4);
}

}  // namespace
}  // namespace sotto::kernels

#pragma once
// A small data set of 28 x 28 pictures: class c is a bright row, with a little noise.

#include <cstdint>
#include <filesystem>
#include <random>
#include <string>
#include <vector>

#include "../data/idx_bytes.h"

namespace sotto::tools::testing {

struct SmallImages {
  std::string images, labels;
};

inline SmallImages write_small_images(const sotto::testing::ScratchFolder& folder, const std::string& name,
                                      std::uint32_t count, unsigned seed = 1) {
  using data::testing::idx_header, data::testing::joined;
  std::mt19937 random(seed);
  sotto::testing::Bytes pixels, labels;
  for (std::uint32_t i = 0; i < count; ++i) {
    const auto label = static_cast<std::uint8_t>(random() % 10);
    labels.push_back(label);
    for (unsigned row = 0; row < 28; ++row)
      for (unsigned column = 0; column < 28; ++column)
        pixels.push_back(static_cast<std::uint8_t>((row / 2 == label ? 200 : 0) + random() % 50));
  }
  return {folder.write(name + "-images", joined(idx_header({count, 28, 28}), pixels)).string(),
          folder.write(name + "-labels", joined(idx_header({count}), labels)).string()};
}

}  // namespace sotto::tools::testing

#pragma once
// Vision transformers.

#include <sotto/models/vision.h>

#include <cstdint>

namespace sotto::models {

struct VitOptions {
  int64_t patch = 4;  // divides height and width
  int64_t width = 192;
  int64_t heads = 3;  // divides width
  int64_t layers = 12;
};

// The vision transformer of Dosovitskiy et al., "An Image is Worth 16x16 Words", ICLR 2021: patches, a class token,
// learnt positions, pre-norm layers (attention, then a GELU network of 4 times the width), norm, linear on the class
// token; no dropout. The default sizes are those of DeiT-Ti (Touvron et al., ICML 2021), "ViT-tiny": 5,717,416
// parameters at patches of 16, 3 x 224 x 224 and 1000 classes. Throws UsageError when a size does not divide what it
// must.
std::shared_ptr<VisionModel> make_vit(const ImageShape& shape, const VitOptions& options);

// The same with patches of 16 where a side is 64 or more and 16 divides both, else of 4.
std::shared_ptr<VisionModel> make_vit_tiny(const ImageShape& shape);

}  // namespace sotto::models

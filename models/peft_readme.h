#pragma once
// README.md of an adapter's folder: what lies there, and Python that computes the logits.

#include <sotto/models/pooling.h>
#include <sotto/models/safetensors.h>

#include <cstdint>
#include <string>

namespace sotto::models {

// `base_model` must be UTF-8 without control characters; `more` is told a line each.
std::string peft_readme(const std::string& base_model, Pooling pooling, int64_t outputs, const Metadata& more);

}  // namespace sotto::models

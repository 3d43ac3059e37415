#pragma once
// README.md of a folder that Python is to load: what lies there, and Python that computes the logits.

#include <sotto/models/pooling.h>
#include <sotto/models/safetensors.h>

#include <cstdint>
#include <string>

namespace sotto::models {

// The last line of such a file, by which it is known.
inline constexpr const char* kReadmeMark = "<!-- written by sotto -->";

// Of an adapter, peft_adapter.h. `base_model` must be UTF-8 without control characters; `more` is told a line each.
std::string peft_readme(const std::string& base_model, Pooling pooling, int64_t outputs, const Metadata& more);

// Of a whole model: config.json and model.safetensors with bert.NAME of the encoder, classifier.weight [outputs, width]
// and classifier.bias [outputs].
std::string whole_readme(Pooling pooling, int64_t outputs, const Metadata& more);

}  // namespace sotto::models

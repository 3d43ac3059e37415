#pragma once
// Where in a TorchScript module the calling thread is, asked from inside an operator.

#include <string>

namespace sotto::optim {

struct ScriptPlace {
  std::string module;  // "encoder.layers.0", "" at the top
  std::string source;  // "model.py:12"
};

// Empty outside of a TorchScript interpreter. Costs microseconds: for messages and tables.
ScriptPlace script_place();

}  // namespace sotto::optim

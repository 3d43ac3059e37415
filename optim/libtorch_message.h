#pragma once
// What went wrong in LibTorch, in one line.

#include <exception>
#include <string>

namespace sotto::optim {

// The first line of the message that is not empty, without the stack trace that LibTorch appends; what TorchScript's
// interpreter reports of an operator begins after its own trace.
std::string libtorch_message(const std::exception& error);

}  // namespace sotto::optim

#pragma once
// Which code the MKL inside LibTorch multiplies matrices with, for the program only: a library must leave that choice
// to its user.
//
// MKL asks mkl_serv_intel_cpu_true() once whether the processor is made by Intel, and elsewhere takes code that uses a
// third of what the machine can do. The program exports a function of that name, which comes first when LibTorch is
// loaded. "stock" passes on LibTorch's own answer; "fast" says yes. MKL still asks the processor for each instruction
// set before it uses it. Results differ from stock ones by float rounding alone. This is no official interface of MKL.

#include <string>

namespace sotto::tools {

inline constexpr const char* kMatmulHelp =
    "stock, or fast: LibTorch's MKL multiplies matrices on every processor as on one of Intel's, an unofficial switch";

// Before LibTorch is loaded; afterwards it changes nothing. Throws UsageError unless `matmul` is "stock" or "fast".
void switch_matmul(const std::string& matmul);

// After `library`, a handle of dlopen(), has loaded LibTorch: throws UsageError when "fast" was asked for and there is
// no MKL in it that asks.
void require_matmul_switch(void* library);

}  // namespace sotto::tools

#pragma once
// The plain step as LibTorch comes, for a process that runs with --matmul fast: the setting is that of a whole process.

#include <sotto/benchmarks/step_benchmark.h>

namespace sotto::benchmarks {

// Median seconds of the plain step in a `sotto bench step --matmul stock` with the same numbers, started as a child of
// this program and waited for. Throws IoError when it fails.
double stock_plain_seconds(const StepBenchmarkOptions& options);

}  // namespace sotto::benchmarks

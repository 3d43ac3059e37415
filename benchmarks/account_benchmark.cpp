// The rows of `sotto bench account` under Google Benchmark, for comparisons between commits.

#include <benchmark/benchmark.h>
#include <sotto/benchmarks/account_rows.h>

#include <exception>

namespace {

void run_row(benchmark::State& state, const sotto::benchmarks::AccountRow& row) {
  sotto::benchmarks::AccountAnswer answer;
  try {
    for (auto _ : state) {
      answer = row.answer();
      benchmark::DoNotOptimize(answer);
    }
  } catch (const std::exception& error) {
    state.SkipWithError(error.what());
    return;
  }
  if (answer.lower) state.counters["width"] = answer.upper - *answer.lower;
  state.counters["upper"] = answer.upper;
  state.counters["bar_seconds"] = row.bar.seconds;
}

}  // namespace

int main(int argc, char** argv) {
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 1;
  std::vector<sotto::benchmarks::AccountRow> rows = sotto::benchmarks::account_rows();
  rows.push_back(sotto::benchmarks::process_row(SOTTO_PROGRAM));
  for (const auto& row : rows)
    benchmark::RegisterBenchmark(row.name.c_str(), [row](benchmark::State& state) { run_row(state, row); })
        ->Unit(benchmark::kMillisecond)
        ->UseRealTime();
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}

#include <dlfcn.h>
#include <fmt/format.h>
#include <sotto/privacy/error.h>
#include <sotto/tools/library_path.h>
#include <sotto/tools/matmul_switch.h>
#include <sotto/tools/training_library.h>

#include <cstdlib>

namespace sotto::tools {
namespace {

std::filesystem::path training_library() {
  if (const auto found = find_library(kTrainingLibrary)) return *found;
  throw UsageError(
      fmt::format("[sotto] training needs {}, which is in none of: {}; build sotto with "
                  "SOTTO_BUILD_TRAINING=ON, or set SOTTO_LIBRARY_PATH to the folder that holds it",
                  kTrainingLibrary, library_folders()));
}

template <typename Function>
Function* symbol(void* library, const std::filesystem::path& path, const char* name) {
  void* address = ::dlsym(library, name);
  if (address == nullptr)
    throw UsageError(fmt::format("[sotto] {} is not a training library of sotto: it has no {}", path.string(), name));
  return reinterpret_cast<Function*>(address);
}

// A thread of OpenMP that waits for another one spins for milliseconds unless it is told otherwise: runs that share
// their cores then take several times as long. The run time reads this when it is loaded.
void spin_shortly() {
  if (std::getenv("OMP_WAIT_POLICY") == nullptr) ::setenv("GOMP_SPINCOUNT", "1000", /*overwrite=*/0);
}

// LibTorch warns of what its memory counts, which sotto reads, leave out; nobody can do anything about it.
void warn_of_errors_only() {
  ::setenv("TORCH_CPP_LOG_LEVEL", "ERROR", /*overwrite=*/0);
}

}  // namespace

int run_training_job(const TrainingJob& job) {
  const std::filesystem::path path = training_library();
  spin_shortly();
  warn_of_errors_only();
  const bool bench = job.kind == TrainingJob::Kind::bench_step || job.kind == TrainingJob::Kind::bench_costs;
  switch_matmul(bench ? job.bench.matmul : job.options.matmul);
  // Never closed: LibTorch keeps threads and registrations until the process ends.
  void* library = ::dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) throw UsageError(fmt::format("[sotto] cannot load {}: {}", path.string(), ::dlerror()));
  require_matmul_switch(library);
  const std::string version = symbol<TrainingVersionFunction>(library, path, kTrainingVersionSymbol)();
  if (version != SOTTO_TRAINING_INTERFACE)
    throw UsageError(fmt::format("[sotto] {} is of version '{}'; this program needs '{}'", path.string(), version,
                                 SOTTO_TRAINING_INTERFACE));
  TrainingOutcome outcome;
  symbol<TrainingRunFunction>(library, path, kTrainingRunSymbol)(&job, &outcome);
  if (outcome.diverged) throw Diverged(outcome.error);
  if (!outcome.error.empty()) throw Error(static_cast<ExitCode>(outcome.exit_code), outcome.error);
  return outcome.exit_code;
}

}  // namespace sotto::tools

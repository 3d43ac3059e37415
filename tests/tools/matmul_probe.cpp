// A training library whose every job prints what MKL is told about the processor, and a matrix product.

#include <dlfcn.h>
#include <sotto/tools/training_job.h>

#include <ostream>

#include "matmul_product.h"

extern "C" const char* sotto_training_version() {
  return SOTTO_TRAINING_INTERFACE;
}

extern "C" void sotto_training_run(const sotto::tools::TrainingJob* job, sotto::tools::TrainingOutcome*) {
  using sotto::tools::testing::kMatmulQuestion;
  // The scope in which LibTorch's own calls are resolved: the program first.
  auto* ask = reinterpret_cast<int (*)()>(::dlsym(RTLD_DEFAULT, kMatmulQuestion));
  *job->out << (ask == nullptr ? -1 : ask()) << '\n';
  for (const float value : sotto::tools::testing::product()) *job->out << std::hexfloat << value << '\n';
}

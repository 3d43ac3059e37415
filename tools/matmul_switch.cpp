#include <dlfcn.h>
#include <fmt/format.h>
#include <sotto/privacy/error.h>
#include <sotto/tools/matmul_switch.h>

namespace {

constexpr const char* kQuestion = "mkl_serv_intel_cpu_true";
bool fast = false;

int stock_answer() {
  // LibTorch is not in the scope that RTLD_NEXT searches.
  void* libtorch = ::dlopen("libtorch_cpu.so", RTLD_LAZY | RTLD_NOLOAD);
  if (libtorch == nullptr) return 0;
  const auto own = reinterpret_cast<int (*)()>(::dlsym(libtorch, kQuestion));
  const int answer = own == nullptr ? 0 : own();
  ::dlclose(libtorch);
  return answer;
}

}  // namespace

extern "C" int mkl_serv_intel_cpu_true() {
  return fast ? 1 : stock_answer();
}

namespace sotto::tools {

void switch_matmul(const std::string& matmul) {
  if (matmul != "stock" && matmul != "fast")
    throw UsageError(fmt::format("[--matmul] unknown value: '{}'; allowed are stock, fast", matmul));
  fast = matmul == "fast";
}

void require_matmul_switch(void* library) {
  if (fast && ::dlsym(library, kQuestion) == nullptr)
    throw UsageError("[--matmul] bad value: fast; this LibTorch holds no MKL that it could switch, allowed is stock");
}

}  // namespace sotto::tools

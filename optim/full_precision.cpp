#include <ATen/Context.h>
#include <sotto/optim/full_precision.h>

#include <mutex>
#include <optional>
#include <vector>

namespace sotto::optim {
namespace {

// A device's convolutions are rounded to TF32 unless a program says otherwise.
constexpr at::Float32Backend kBackends[] = {at::Float32Backend::MKLDNN, at::Float32Backend::CUDA};
constexpr at::Float32Op kOperators[] = {at::Float32Op::MATMUL, at::Float32Op::CONV, at::Float32Op::RNN};

// The modes are settings of the process: the first holder saves them and the last one restores them.
struct Held {
  std::mutex mutex;
  int holders = 0;
  std::optional<at::Float32MatmulPrecision> matmul;  // set by the older of LibTorch's two interfaces
  struct Reduced {
    at::Float32Backend backend;
    at::Float32Op op;
    at::Float32Precision precision;
  };
  std::vector<Reduced> reduced;  // by the newer one
};

Held& held() {
  static Held state;
  return state;
}

const char* name_of(at::Float32MatmulPrecision precision) {
  return precision == at::Float32MatmulPrecision::MEDIUM ? "medium" : "high";
}

}  // namespace

FullPrecision::FullPrecision() {
  Held& state = held();
  const std::lock_guard lock(state.mutex);
  if (state.holders++ > 0) return;
  at::Context& context = at::globalContext();
  try {
    const at::Float32MatmulPrecision matmul = context.float32MatmulPrecision();
    if (matmul != at::Float32MatmulPrecision::HIGHEST) state.matmul = matmul;
  } catch (const c10::Error&) {
    // LibTorch answers so when only the newer interface was used: the loop below sees that.
  }
  if (state.matmul) context.setFloat32MatmulPrecision("highest");
  for (const at::Float32Backend backend : kBackends) {
    for (const at::Float32Op op : kOperators) {
      const at::Float32Precision precision = context.float32Precision(backend, op);
      if (precision == at::Float32Precision::NONE || precision == at::Float32Precision::IEEE) continue;
      state.reduced.push_back({backend, op, precision});
      context.setFloat32Precision(backend, op, at::Float32Precision::IEEE);
    }
  }
}

FullPrecision::~FullPrecision() {
  Held& state = held();
  const std::lock_guard lock(state.mutex);
  if (--state.holders > 0) return;
  at::Context& context = at::globalContext();
  for (const auto& [backend, op, precision] : state.reduced) context.setFloat32Precision(backend, op, precision);
  if (state.matmul) context.setFloat32MatmulPrecision(name_of(*state.matmul));
  state.reduced.clear();
  state.matmul.reset();
}

}  // namespace sotto::optim

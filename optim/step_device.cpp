#include <ATen/ops/empty.h>
#include <c10/core/impl/VirtualGuardImpl.h>
#include <fmt/format.h>
#include <sotto/optim/step_device.h>
#include <sotto/privacy/error.h>

#include <sstream>

namespace sotto::optim {
namespace {

c10::Stream current_stream(at::Device device) {
  return c10::impl::VirtualGuardImpl(device.type()).getStream(device);
}

// The kernels bring a run time of their own, which learns once in every thread which device that thread is for; what
// LibTorch makes current later is seen by both through the driver.
void enter(const kernels::CudaBackend& table, at::Device device) {
  thread_local int entered = -1;
  if (entered == device.index()) return;
  table.use_device(device.index());
  entered = device.index();
}

}  // namespace

StepDevice::StepDevice(const kernels::CudaBackend& table, at::Device where) : table_(&table), where_(where) {
  if (!where.is_cpu() && !where.is_cuda()) {
    std::ostringstream text;
    text << where;
    throw UsageError(fmt::format("[StepDevice] device: {}; must be cpu or cuda", text.str()));
  }
  if (where.is_cuda() && !where.has_index()) where_ = at::Device(at::kCUDA, 0);
}

StepDevice StepDevice::on_current_stream() const {
  StepDevice bound = *this;
  if (where_.is_cuda()) bound.bound_ = current_stream(where_);
  return bound;
}

kernels::Stream StepDevice::stream() const {
  SOTTO_ASSERT(table_ != nullptr);
  if (!where_.is_cuda()) return nullptr;
  enter(*table_, where_);
  const c10::Stream now = current_stream(where_);
  if (bound_ && *bound_ != now) {
    throw UsageError(
        "[StepDevice] a part of the model runs on another CUDA stream than the step: everything that belongs to a step "
        "must be on the stream that was current when it began");
  }
  return static_cast<kernels::Stream>(now.native_handle());
}

at::Tensor StepDevice::copy_of(const at::Tensor& host) const {
  if (host.device() == where_) return host;
  return (host.is_cpu() ? host.pin_memory() : host).to(where_, /*non_blocking=*/true);
}

at::Tensor StepDevice::scratch(std::size_t bytes) const {
  return at::empty({static_cast<int64_t>(bytes)}, at::TensorOptions().dtype(at::kByte).device(where_));
}

void StepDevice::wait() const {
  if (where_.is_cuda()) current_stream(where_).synchronize();
}

}  // namespace sotto::optim

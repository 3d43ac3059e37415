#pragma once
// Where the tensors of a private step are, and which kernels compute with them: the processor, with the kernels of
// kernels/*_cpu.cpp, or a CUDA device, with a table of launchers (kernels/cuda_backend.h).
//
//   StepDevice device(kernels::open_cuda_backend("lib/libsotto_cuda.so"), at::Device(at::kCUDA, 0));
//
// Order of work on a device. Everything of ours is queued on LibTorch's current stream of the device, the one that
// LibTorch's own operators use; memory comes from LibTorch's allocator, which gives a freed block to later work of the
// same stream alone. LibTorch's engine runs the backward pass of an operator in another thread, on the stream that was
// current in its forward pass. So within one step there is one stream, on_current_stream(): work that is asked for
// while another one is current is refused, because nothing would order it behind what it reads. There is no event and
// no wait for the device in a step; what the host tells it goes through copy_of(), and nothing is read back.
//
// Has run on one NVIDIA H200 (README.md); elsewhere tests put the executor of kernels/sim in a device's place.

#include <ATen/core/Tensor.h>
#include <c10/core/DeviceGuard.h>
#include <c10/core/Stream.h>
#include <sotto/kernels/cuda_backend.h>

#include <cstddef>
#include <optional>
#include <type_traits>

namespace sotto::optim {

class StepDevice {
 public:
  StepDevice() = default;  // the processor

  // `where` is the device whose memory the launchers read and write; the processor for a table whose launchers run
  // there. Throws UsageError for a kind of device other than these two. The table must live as long as the object.
  StepDevice(const kernels::CudaBackend& table, at::Device where);

  at::Device where() const { return where_; }
  bool has_table() const { return table_ != nullptr; }  // false: the kernels of the processor serve

  // The same, bound to the stream that is current in this thread now.
  StepDevice on_current_stream() const;

  // Calls launch(table, stream) with the device current in this thread. Only with a table. Throws UsageError when the
  // object is bound to a stream and another one is current.
  template <class Launch>
  void run(Launch&& launch) const {
    const c10::OptionalDeviceGuard guard(where_.is_cuda() ? std::optional<at::Device>(where_) : std::nullopt);
    launch(*table_, stream());
  }

  // A tensor of the host on the device: through pinned memory, in the order of the current stream and without waiting
  // for it. One that is there already is returned as it is.
  at::Tensor copy_of(const at::Tensor& host) const;

  // Memory for one launch, aligned to 8 bytes and more, not initialised.
  at::Tensor scratch(std::size_t bytes) const;

  // Waits for everything that is queued on the current stream. Not within a step.
  void wait() const;

 private:
  kernels::Stream stream() const;

  const kernels::CudaBackend* table_ = nullptr;
  at::Device where_ = at::kCPU;
  std::optional<c10::Stream> bound_;
};

// The launcher for elements of type T, of the two in a table.
template <class T, class OfFloat, class OfDouble>
auto launcher(OfFloat of_float, OfDouble of_double) {
  static_assert(std::is_same_v<T, float> || std::is_same_v<T, double>);
  if constexpr (std::is_same_v<T, float>) {
    return of_float;
  } else {
    return of_double;
  }
}

}  // namespace sotto::optim

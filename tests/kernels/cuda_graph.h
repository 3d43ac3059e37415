#pragma once
// Work of a stream as a CUDA graph, for tests on a device.

#include <sotto/kernels/stream.h>

#include <functional>

namespace sotto::kernels::testing {

class CudaGraph {
 public:
  // Captures what `work` queues on the stream, which does not run then. Throws DeviceError.
  CudaGraph(Stream stream, const std::function<void()>& work);
  ~CudaGraph();
  CudaGraph(const CudaGraph&) = delete;
  CudaGraph& operator=(const CudaGraph&) = delete;

  void run() const;  // on the stream; throws DeviceError

 private:
  Stream stream_;
  void* executable_ = nullptr;
};

}  // namespace sotto::kernels::testing

#include <cuda_runtime.h>
#include <sotto/kernels/device_error.h>

#include <string>

#include "cuda_graph.h"

namespace sotto::kernels::testing {
namespace {

void check(cudaError_t error, const char* what) {
  if (error != cudaSuccess) throw DeviceError(std::string("[CudaGraph] ") + what + ": " + cudaGetErrorString(error));
}

}  // namespace

CudaGraph::CudaGraph(Stream stream, const std::function<void()>& work) : stream_(stream) {
  check(cudaStreamBeginCapture(stream, cudaStreamCaptureModeThreadLocal), "beginning to capture");
  cudaGraph_t graph = nullptr;
  try {
    work();
  } catch (...) {
    cudaStreamEndCapture(stream, &graph);
    if (graph != nullptr) cudaGraphDestroy(graph);
    throw;
  }
  check(cudaStreamEndCapture(stream, &graph), "ending the capture");
  cudaGraphExec_t executable = nullptr;
  const cudaError_t error = cudaGraphInstantiate(&executable, graph, 0);
  cudaGraphDestroy(graph);
  check(error, "making the graph ready");
  executable_ = executable;
}

CudaGraph::~CudaGraph() {
  cudaGraphExecDestroy(static_cast<cudaGraphExec_t>(executable_));
}

void CudaGraph::run() const {
  check(cudaGraphLaunch(static_cast<cudaGraphExec_t>(executable_), stream_), "running the graph");
}

}  // namespace sotto::kernels::testing

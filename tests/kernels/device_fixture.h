#pragma once
// The device that tests run on: that of the library SOTTO_CUDA_LIBRARY, which may be the executor on the processor.

#include <gtest/gtest.h>
#include <sotto/kernels/device_array.h>

#include <optional>
#include <vector>

namespace sotto::kernels::testing {

#if SOTTO_SIMULATED
inline const std::vector<unsigned> kBlocks = {32, 256, 1024};
#else
inline const std::vector<unsigned> kBlocks = {32, 64, 96, 128, 256, 512, 1024};
#endif

class Device : public ::testing::Test {
 protected:
  void SetUp() override {
    try {
      backend_ = &open_cuda_backend(SOTTO_CUDA_LIBRARY);
      backend_->use_device(0);
      stream_.emplace(*backend_);
    } catch (const DeviceError& error) {
      GTEST_SKIP() << error.what();
    }
  }
  const CudaBackend& backend() const { return *backend_; }
  const DeviceStream& stream() const { return *stream_; }

 private:
  const CudaBackend* backend_ = nullptr;
  std::optional<DeviceStream> stream_;
};

}  // namespace sotto::kernels::testing

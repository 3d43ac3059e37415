// The library of kernels itself, on a machine that cannot run it: it loads without a driver and says what is missing.

#include <gtest/gtest.h>
#include <sotto/kernels/cuda_backend.h>

namespace sotto::kernels {
namespace {

TEST(CudaPlugin, WithoutADriverOneSentenceSaysWhatIsMissing) {
  const CudaBackend& cuda = open_cuda_backend(SOTTO_CUDA_LIBRARY);
  const auto refusal = [](const auto& ask) -> std::string {
    try {
      ask();
    } catch (const DeviceError& error) {
      return error.what();
    }
    return "";
  };
  const std::string message = refusal([&] { cuda.device_count(); });
  if (message.empty()) GTEST_SKIP() << "this machine has a device";
  EXPECT_TRUE(message.starts_with("[cuda] this machine has no NVIDIA driver; install NVIDIA's driver for CUDA 13.") ||
              message.starts_with("[cuda] the NVIDIA driver of this machine is for CUDA ") ||
              message.starts_with("[cuda] this machine shows no CUDA device;"))
      << message;
  EXPECT_NE(message.find("or run on the processor"), std::string::npos) << message;
  EXPECT_EQ(refusal([&] { cuda.use_device(0); }), message);
}

TEST(CudaPlugin, IsOpenedOnce) {
  EXPECT_EQ(&open_cuda_backend(SOTTO_CUDA_LIBRARY), &open_cuda_backend(SOTTO_CUDA_LIBRARY));
}

}  // namespace
}  // namespace sotto::kernels

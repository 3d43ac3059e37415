// A library of kernels that is missing, something else or of another release is refused with a sentence that says so.

#include <gtest/gtest.h>
#include <sotto/kernels/cuda_backend.h>

namespace sotto::kernels {
namespace {

std::string refusal(const std::string& path) {
  try {
    open_cuda_backend(path);
  } catch (const DeviceError& error) {
    return error.what();
  }
  return "accepted";
}

TEST(CudaBackend, AMissingLibraryIsNamedWithTheRemedy) {
  const std::string message = refusal("/nowhere/libsotto_cuda.so");
  EXPECT_NE(message.find("/nowhere/libsotto_cuda.so"), std::string::npos) << message;
  EXPECT_NE(message.find("build sotto with the preset cuda, or run on the processor"), std::string::npos) << message;
}

TEST(CudaBackend, AnotherLibraryIsRefused) {
  EXPECT_EQ(refusal("libm.so.6"),
            "[cuda] libm.so.6 is not sotto's library of CUDA kernels: it has no sotto_cuda_backend");
}

TEST(CudaBackend, ALibraryOfAnotherReleaseIsRefused) {
  const std::string ours = std::to_string(kCudaInterface);
  const std::string size = std::to_string(sizeof(CudaBackend)), other_size = std::to_string(sizeof(CudaBackend) + 8);
  EXPECT_EQ(refusal(SOTTO_OTHER_INTERFACE), "[cuda] " SOTTO_OTHER_INTERFACE
                                            " belongs to another release of sotto: its interface is 0 of " +
                                                size + " bytes; must be " + ours + " of " + size);
  EXPECT_EQ(refusal(SOTTO_OTHER_SIZE), "[cuda] " SOTTO_OTHER_SIZE
                                       " belongs to another release of sotto: its interface is " +
                                           ours + " of " + other_size + " bytes; must be " + ours + " of " + size);
}

}  // namespace
}  // namespace sotto::kernels

#pragma once
// Memory of a device and the stream that works on it, given back when they end.

#include <sotto/kernels/cuda_backend.h>

#include <cstddef>
#include <vector>

namespace sotto::kernels {

class DeviceStream {
 public:
  explicit DeviceStream(const CudaBackend& backend) : backend_(backend), stream_(backend.make_stream()) {}
  ~DeviceStream() { backend_.end_stream(stream_); }
  DeviceStream(const DeviceStream&) = delete;
  DeviceStream& operator=(const DeviceStream&) = delete;

  operator Stream() const { return stream_; }
  const CudaBackend& backend() const { return backend_; }
  void synchronize() const { backend_.synchronize(stream_); }

 private:
  const CudaBackend& backend_;
  Stream stream_;
};

// Elements in the device's memory. It must not outlive its stream, and everything that uses it is on that stream.
template <class T>
class DeviceArray {
 public:
  DeviceArray(const DeviceStream& stream, const std::vector<T>& values) : DeviceArray(values.size(), stream) {
    write(values);
  }
  static DeviceArray uninitialised(const DeviceStream& stream, std::size_t size) { return DeviceArray(size, stream); }
  ~DeviceArray() { stream_.backend().release(memory_); }
  DeviceArray(const DeviceArray&) = delete;
  DeviceArray& operator=(const DeviceArray&) = delete;

  T* get() const { return memory_; }
  std::size_t size() const { return size_; }

  // size() elements. Both wait for the stream.
  void write(const std::vector<T>& values) {
    stream_.backend().copy(memory_, values.data(), size_ * sizeof(T), stream_);
    stream_.synchronize();
  }
  std::vector<T> read() const {
    std::vector<T> values(size_);
    stream_.backend().copy(values.data(), memory_, size_ * sizeof(T), stream_);
    stream_.synchronize();
    return values;
  }

 private:
  DeviceArray(std::size_t size, const DeviceStream& stream)
      : stream_(stream), size_(size), memory_(static_cast<T*>(stream.backend().allocate(size * sizeof(T)))) {}

  const DeviceStream& stream_;
  std::size_t size_;
  T* memory_;
};

}  // namespace sotto::kernels

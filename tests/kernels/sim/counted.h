#pragma once
// A number that counts: as the element type of a kernel it tells how often elements of arrays are read and written and
// how many operations are done on them.

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

namespace sotto::kernels::testing {

class Counted;

struct Counts {
  std::uint64_t read = 0, written = 0, operations = 0;
};
inline Counts counts;

// An array whose elements are memory of the device; numbers elsewhere are registers.
class CountedArray {
 public:
  CountedArray(std::size_t size, double value);
  ~CountedArray();
  CountedArray(const CountedArray&) = delete;
  CountedArray& operator=(const CountedArray&) = delete;
  Counted* get() const { return values_.get(); }

  static bool holds(const Counted* element);

 private:
  std::unique_ptr<Counted[]> values_;
  std::size_t size_;
  inline static std::vector<const CountedArray*> all;
};

class Counted {
 public:
  Counted() = default;
  explicit Counted(double value) : value_(value) {}
  Counted(const Counted& other) : value_(other.read()) {}
  Counted& operator=(const Counted& other) {
    value_ = other.read();
    if (CountedArray::holds(this)) ++counts.written;
    return *this;
  }
  operator double() const { return read(); }

  friend Counted operator+(const Counted& a, const Counted& b) { return Counted::done(a.read() + b.read()); }
  friend Counted operator-(const Counted& a, const Counted& b) { return Counted::done(a.read() - b.read()); }
  friend Counted operator*(const Counted& a, const Counted& b) { return Counted::done(a.read() * b.read()); }
  friend Counted operator/(const Counted& a, const Counted& b) { return Counted::done(a.read() / b.read()); }
  friend Counted root_of(const Counted& a) { return Counted::done(std::sqrt(a.read())); }
  Counted& operator+=(const Counted& other) { return *this = *this + other; }

 private:
  static Counted done(double value) {
    ++counts.operations;
    return Counted(value);
  }
  double read() const {
    if (CountedArray::holds(this)) ++counts.read;
    return value_;
  }

  double value_ = 0;
};

inline CountedArray::CountedArray(std::size_t size, double value) : values_(new Counted[size]), size_(size) {
  for (std::size_t i = 0; i < size; ++i) values_[i] = Counted(value);
  all.push_back(this);
}
inline CountedArray::~CountedArray() {
  std::erase(all, this);
}
inline bool CountedArray::holds(const Counted* element) {
  for (const CountedArray* array : all)
    if (element >= array->get() && element < array->get() + array->size_) return true;
  return false;
}

}  // namespace sotto::kernels::testing

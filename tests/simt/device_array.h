// Arrays of tests on the emulated device.
#ifndef TESTS_DEVICE_ARRAY_H_
#define TESTS_DEVICE_ARRAY_H_

#include <cmath>
#include <cstring>
#include <functional>
#include <random>
#include <string>
#include <type_traits>
#include <vector>

#include "backends/cuda/launch.h"
#include "tests/simt/emulator.h"

namespace simt {

inline double ToDouble(float x) { return x; }
inline double ToDouble(double x) { return x; }
inline double ToDouble(backends::cuda::BFloat16 x) {
  const uint32_t bits = uint32_t{x.bits} << 16;
  float value;
  std::memcpy(&value, &bits, sizeof(value));
  return value;
}
template <typename T>
T FromDouble(double x) {
  const float value = static_cast<float>(x);
  if constexpr (std::is_same_v<T, float>) {
    return value;
  } else {  // to nearest, ties to even
    uint32_t bits;
    std::memcpy(&bits, &value, sizeof(bits));
    return {static_cast<uint16_t>((bits + 0x7fffu + (bits >> 16 & 1u)) >> 16)};
  }
}

template <typename T>
class DeviceArray {
 public:
  DeviceArray(size_t count, const std::string& name)
      : count_(count), data_(static_cast<T*>(Allocate(count * sizeof(T), name, sizeof(T)))) {}
  DeviceArray(const std::vector<T>& values, const std::string& name)
      : DeviceArray(values.size(), name) {
    Set(values);
  }
  DeviceArray(const DeviceArray&) = delete;
  ~DeviceArray() { Free(data_); }

  T* data() const { return data_; }
  size_t size() const { return count_; }
  void Set(const std::vector<T>& values) {
    const DeviceAccess access;
    BeginOperation("copy to device", 0, {});
    Touch(data_, values.size() * sizeof(T), true);
    std::memcpy(data_, values.data(), values.size() * sizeof(T));
  }
  // A Finding where an element was never written.
  std::vector<T> Get() const {
    const DeviceAccess access;
    BeginOperation("copy to host", 0, {});
    Touch(data_, count_ * sizeof(T), false);
    std::vector<T> values(count_);
    std::memcpy(static_cast<void*>(values.data()), data_, count_ * sizeof(T));
    return values;
  }

 private:
  size_t count_;
  T* data_;
};

template <typename T>
std::vector<T> Normal(size_t count, uint64_t seed, double std = 1.0, double mean = 0.0) {
  std::mt19937_64 random(seed);
  std::normal_distribution<double> normal(mean, std);
  std::vector<T> values(count);
  for (T& v : values) v = FromDouble<T>(normal(random));
  return values;
}

// max |a - b| / max |b|.
template <typename T>
double MaxError(const std::vector<T>& a, const std::vector<double>& b) {
  double error = 0, largest = 1e-6;
  for (size_t i = 0; i < b.size(); ++i) {
    const double d = std::fabs(ToDouble(a[i]) - b[i]);
    error = std::isnan(d) ? INFINITY : std::max(error, d);
    largest = std::max(largest, std::fabs(b[i]));
  }
  return error / largest;
}

// Calls `run` with each order of blocks, warps and lanes; all results must have equal bits.
template <typename T>
std::vector<T> SameInAllOrders(const std::function<std::vector<T>()>& run, bool* same) {
  *same = true;
  SetOrder(Order::kForward);
  const std::vector<T> first = run();
  for (int i = 0; i < 3; ++i) {
    SetOrder(i == 0 ? Order::kReverse : Order::kShuffled, i);
    const std::vector<T> again = run();
    *same = *same && again.size() == first.size() &&
            std::memcmp(again.data(), first.data(), first.size() * sizeof(T)) == 0;
  }
  SetOrder(Order::kForward);
  return first;
}

}  // namespace simt

#endif  // TESTS_DEVICE_ARRAY_H_

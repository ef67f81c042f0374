// Values of kernels' tests: random ones in the types of kernels, and errors against double.
#ifndef TESTS_BACKENDS_CUDA_KERNEL_TESTING_H_
#define TESTS_BACKENDS_CUDA_KERNEL_TESTING_H_

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <random>
#include <string>
#include <vector>

#include "backends/cuda/launch.h"
#include "tests/simt/device_array.h"

namespace backends::cuda {

inline double ToDouble(float x) { return x; }
inline double ToDouble(BFloat16 x) {
  const uint32_t u = static_cast<uint32_t>(x.bits) << 16;
  float value;
  std::memcpy(&value, &u, sizeof(value));
  return value;
}

template <typename T>
T FromDouble(double x);
template <>
inline float FromDouble<float>(double x) {
  return static_cast<float>(x);
}
// To nearest, ties to even; no NaN.
template <>
inline BFloat16 FromDouble<BFloat16>(double x) {
  const float value = static_cast<float>(x);
  uint32_t u;
  std::memcpy(&u, &value, sizeof(u));
  return {static_cast<uint16_t>((u + 0x7fffu + (u >> 16 & 1u)) >> 16)};
}

template <typename T>
std::vector<T> Normal(size_t count, uint64_t seed, double std = 1.0, double mean = 0.0) {
  std::mt19937_64 random(seed);
  std::normal_distribution<double> normal(mean, std);
  std::vector<T> values(count);
  for (T& v : values) v = FromDouble<T>(normal(random));
  return values;
}

// max |a - b| / max |b|; infinite where an element is NaN.
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

}  // namespace backends::cuda

#endif  // TESTS_BACKENDS_CUDA_KERNEL_TESTING_H_

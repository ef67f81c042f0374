// Operators on the device that compute each element by itself; the contracts are ops/gelu.h,
// add.h, bias_add.h, scale.h, scale_images.h, cast.h, commit.h, fill.h and increment.h.
//
// Tensors have `n` elements and are 16-byte aligned; y may lie over any input of y's type and
// size. T, X, A, B, Y are float or BFloat16. All functions return a cudaError_t.
#ifndef BACKENDS_CUDA_ELEMENTWISE_LAUNCH_H_
#define BACKENDS_CUDA_ELEMENTWISE_LAUNCH_H_

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <type_traits>

#include "backends/cuda/launch.h"

namespace backends::cuda {

// y = x·Φ(x); dx = dy·(Φ(x) + x·φ(x)).
template <typename T>
int Gelu(const T* x, T* y, int64_t n, Stream stream);
template <typename T>
int GeluGrad(const T* x, const T* dy, T* dx, int64_t n, Stream stream);

// The type of a + b.
template <typename A, typename B>
using SumOf = std::conditional_t<std::is_same_v<A, B>, A, float>;
template <typename A, typename B>
int Add(const A* a, const B* b, SumOf<A, B>* y, int64_t n, Stream stream);

// y[i] = x[i] + bias[i % suffix].
int BiasAdd(const float* x, const float* bias, int64_t suffix, float* y, int64_t n, Stream stream);

// y = value·factor·x; `factor` (1) may be null: 1.
int Scale(const float* x, float value, const float* factor, float* y, int64_t n, Stream stream);

// y[i] = scales[i / elements]·x[i]: `elements` of an image.
template <typename X, typename Y>
int ScaleImages(const X* x, const float* scales, int64_t elements, Y* y, int64_t n, Stream stream);

// y = x in another type.
template <typename X, typename Y>
int Cast(const X* x, Y* y, int64_t n, Stream stream);

// y = after where applied (1) is not 0, else before, bit for bit.
int Commit(const int32_t* applied, const float* before, const float* after, float* y, int64_t n,
           Stream stream);

// *y = *x + *applied.
int Increment(const int32_t* x, const int32_t* applied, int32_t* y, Stream stream);

// 16 bytes: a value, repeated.
struct Pattern {
  uint8_t bytes[16];
};
template <typename T>
Pattern PatternOf(T value) {
  static_assert(16 % sizeof(T) == 0, "whole values");
  Pattern pattern;
  for (size_t i = 0; i < 16; i += sizeof(T)) std::memcpy(pattern.bytes + i, &value, sizeof(T));
  return pattern;
}
int Fill(const Pattern& pattern, void* y, int64_t bytes, Stream stream);

}  // namespace backends::cuda

#endif  // BACKENDS_CUDA_ELEMENTWISE_LAUNCH_H_

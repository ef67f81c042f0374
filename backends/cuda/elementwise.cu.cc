// One kernel for all: a thread has 16 elements in a few vectors, loads those of all inputs,
// computes in f32, and stores; consecutive threads have consecutive vectors. A vector has as many
// elements as 16 bytes of the widest type, so that each access of a warp is one piece of memory.
// Every tensor's bytes are moved once (what is added or multiplied again and again, such as
// BiasAdd's bias, comes from the cache).
#include <utility>

#include "backends/cuda/device.h"
#include "backends/cuda/elementwise_launch.h"
#include "backends/cuda/gelu.h"

namespace backends::cuda {
namespace {

constexpr int kThreads = 256;
constexpr int kElements = 16;  // of a thread

// ---- Inputs: where element i comes from. kWidth elements from `first`, a multiple of kWidth.

template <typename T>
struct Elements {
  using Type = T;
  const T* p;

  template <int kWidth>
  __device__ __forceinline__ void Read(int64_t first, float (&to)[kWidth]) const {
    const auto v = Load<Vector<T, kWidth>>(p + first);
#pragma unroll
    for (int k = 0; k < kWidth; ++k) to[k] = ToFloat(v.v[k]);
  }
};

// p[i % period].
struct Repeated {
  using Type = float;
  const float* p;
  int64_t period;

  template <int kWidth>
  __device__ __forceinline__ void Read(int64_t first, float (&to)[kWidth]) const {
    if (period % kWidth == 0) {
      Elements<float>{p}.Read<kWidth>(first % period, to);
      return;
    }
#pragma unroll
    for (int k = 0; k < kWidth; ++k) to[k] = p[(first + k) % period];
  }
};

// p[i / elements]: a number for each image. It is no vector, so its type widens none.
struct OfImage {
  using Type = char;
  const float* p;
  int64_t elements;

  template <int kWidth>
  __device__ __forceinline__ void Read(int64_t first, float (&to)[kWidth]) const {
    const float value = p[first / elements];
    const bool same = elements % kWidth == 0;
#pragma unroll
    for (int k = 0; k < kWidth; ++k) to[k] = same ? value : p[(first + k) / elements];
  }
};

// *p everywhere.
struct Same {
  using Type = float;
  const float* p;

  template <int kWidth>
  __device__ __forceinline__ void Read(int64_t, float (&to)[kWidth]) const {
    const float value = *p;
#pragma unroll
    for (int k = 0; k < kWidth; ++k) to[k] = value;
  }
};

// Either tensor, as a number on the device says.
struct Chosen {
  using Type = float;
  const int32_t* first_one;
  const float* p;
  const float* other;

  template <int kWidth>
  __device__ __forceinline__ void Read(int64_t first, float (&to)[kWidth]) const {
    Elements<float>{*first_one != 0 ? p : other}.Read<kWidth>(first, to);
  }
};

// ---- What is computed.

struct GeluOf {
  __device__ float operator()(float x) const { return GeluValue(x); }
};
struct GeluGradOf {
  __device__ float operator()(float x, float dy) const { return dy * GeluDerivative(x); }
};
struct Sum {
  __device__ float operator()(float a, float b) const { return a + b; }
};
struct Scaled {
  float value;
  __device__ float operator()(float x) const { return value * x; }
  __device__ float operator()(float x, float factor) const { return value * factor * x; }
};
struct Product {
  __device__ float operator()(float a, float b) const { return a * b; }
};
struct Identity {
  __device__ float operator()(float x) const { return x; }
};

// ---- The kernel.

// Elements [first, first + kWidth) of y, from values that are read.
template <int kWidth, typename Function, typename Y, size_t... kInput>
__device__ __forceinline__ void Write(const Function& f, const float (*values)[kWidth], Y* y,
                                      int64_t first, std::index_sequence<kInput...>) {
  Vector<Y, kWidth> v;
#pragma unroll
  for (int k = 0; k < kWidth; ++k) v.v[k] = FromFloat<Y>(f(values[kInput][k]...));
  Store(y + first, v);
}

template <int kWidth, typename Function, typename Y, typename... Inputs>
__global__ void __launch_bounds__(kThreads)
    ElementwiseKernel(Function f, Y* y, int64_t n, Inputs... inputs) {
  constexpr int kInputs = sizeof...(Inputs), kVectors = kElements / kWidth;
  constexpr auto kEach = std::make_index_sequence<kInputs>();
  const int64_t begin = static_cast<int64_t>(blockIdx.x) * kThreads * kVectors;
  const int64_t vectors = n / kWidth;
  float values[kVectors][kInputs][kWidth];
#pragma unroll
  for (int i = 0; i < kVectors; ++i) {
    const int64_t vector = begin + i * kThreads + static_cast<int>(threadIdx.x);
    if (vector >= vectors) continue;
    int input = 0;
    (inputs.template Read<kWidth>(vector * kWidth, values[i][input++]), ...);
  }
#pragma unroll
  for (int i = 0; i < kVectors; ++i) {
    const int64_t vector = begin + i * kThreads + static_cast<int>(threadIdx.x);
    if (vector < vectors) Write<kWidth>(f, values[i], y, vector * kWidth, kEach);
  }
  // What is left at the end is no vector.
  const int64_t rest = vectors * kWidth + static_cast<int>(threadIdx.x);
  if (blockIdx.x == gridDim.x - 1 && rest < n) {
    float value[kInputs][1];
    int input = 0;
    (inputs.template Read<1>(rest, value[input++]), ...);
    Write<1>(f, value, y, rest, kEach);
  }
}

template <typename... T>
constexpr int WidthOf() {
  size_t widest = 0;
  for (const size_t size : {sizeof(T)...}) widest = size > widest ? size : widest;
  return static_cast<int>(16 / widest);
}

// y[i] = f(inputs[i]...).
template <typename Function, typename Y, typename... Inputs>
int ForEachElement(const Function& f, Y* y, int64_t n, Stream stream, const Inputs&... inputs) {
  if (n == 0) return 0;
  constexpr int kWidth = WidthOf<Y, typename Inputs::Type...>();
  constexpr int64_t kOfBlock = kThreads * kElements;
  return CUDA_LAUNCH((ElementwiseKernel<kWidth, Function, Y, Inputs...>),
                     static_cast<unsigned>((n + kOfBlock - 1) / kOfBlock), kThreads, 0, stream, f,
                     y, n, inputs...);
}

__global__ void IncrementKernel(const int32_t* x, const int32_t* applied, int32_t* y) {
  *y = *x + *applied;
}

__global__ void __launch_bounds__(kThreads) FillKernel(Pattern pattern, uint8_t* y, int64_t bytes) {
  Vector<uint8_t, 16> v;
#pragma unroll
  for (int k = 0; k < 16; ++k) v.v[k] = pattern.bytes[k];
  const int64_t at = (static_cast<int64_t>(blockIdx.x) * kThreads + threadIdx.x) * 16;
  if (at + 16 <= bytes) {
    Store(y + at, v);
  } else {
#pragma unroll
    for (int k = 0; k < 15; ++k) {
      if (at + k < bytes) y[at + k] = v.v[k];
    }
  }
}

}  // namespace

template <typename T>
int Gelu(const T* x, T* y, int64_t n, Stream stream) {
  return ForEachElement(GeluOf(), y, n, stream, Elements<T>{x});
}
template <typename T>
int GeluGrad(const T* x, const T* dy, T* dx, int64_t n, Stream stream) {
  return ForEachElement(GeluGradOf(), dx, n, stream, Elements<T>{x}, Elements<T>{dy});
}

template <typename A, typename B>
int Add(const A* a, const B* b, SumOf<A, B>* y, int64_t n, Stream stream) {
  return ForEachElement(Sum(), y, n, stream, Elements<A>{a}, Elements<B>{b});
}

int BiasAdd(const float* x, const float* bias, int64_t suffix, float* y, int64_t n, Stream stream) {
  return ForEachElement(Sum(), y, n, stream, Elements<float>{x}, Repeated{bias, suffix});
}

int Scale(const float* x, float value, const float* factor, float* y, int64_t n, Stream stream) {
  const Scaled f = {value};
  if (factor == nullptr) return ForEachElement(f, y, n, stream, Elements<float>{x});
  return ForEachElement(f, y, n, stream, Elements<float>{x}, Same{factor});
}

template <typename X, typename Y>
int ScaleImages(const X* x, const float* scales, int64_t elements, Y* y, int64_t n, Stream stream) {
  return ForEachElement(Product(), y, n, stream, Elements<X>{x}, OfImage{scales, elements});
}

template <typename X, typename Y>
int Cast(const X* x, Y* y, int64_t n, Stream stream) {
  return ForEachElement(Identity(), y, n, stream, Elements<X>{x});
}

int Commit(const int32_t* applied, const float* before, const float* after, float* y, int64_t n,
           Stream stream) {
  return ForEachElement(Identity(), y, n, stream, Chosen{applied, after, before});
}

int Increment(const int32_t* x, const int32_t* applied, int32_t* y, Stream stream) {
  return CUDA_LAUNCH(IncrementKernel, 1, 1, 0, stream, x, applied, y);
}

int Fill(const Pattern& pattern, void* y, int64_t bytes, Stream stream) {
  if (bytes == 0) return 0;
  constexpr int64_t kOfBlock = kThreads * 16;
  return CUDA_LAUNCH(FillKernel, static_cast<unsigned>((bytes + kOfBlock - 1) / kOfBlock), kThreads,
                     0, stream, pattern, static_cast<uint8_t*>(y), bytes);
}

template int Gelu(const float*, float*, int64_t, Stream);
template int Gelu(const BFloat16*, BFloat16*, int64_t, Stream);
template int GeluGrad(const float*, const float*, float*, int64_t, Stream);
template int GeluGrad(const BFloat16*, const BFloat16*, BFloat16*, int64_t, Stream);
template int Add(const float*, const float*, float*, int64_t, Stream);
template int Add(const float*, const BFloat16*, float*, int64_t, Stream);
template int Add(const BFloat16*, const float*, float*, int64_t, Stream);
template int Add(const BFloat16*, const BFloat16*, BFloat16*, int64_t, Stream);
template int ScaleImages(const float*, const float*, int64_t, float*, int64_t, Stream);
template int ScaleImages(const float*, const float*, int64_t, BFloat16*, int64_t, Stream);
template int ScaleImages(const BFloat16*, const float*, int64_t, float*, int64_t, Stream);
template int ScaleImages(const BFloat16*, const float*, int64_t, BFloat16*, int64_t, Stream);
template int Cast(const float*, BFloat16*, int64_t, Stream);
template int Cast(const BFloat16*, float*, int64_t, Stream);

}  // namespace backends::cuda

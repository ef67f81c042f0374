// What kernels are written with: accesses of up to 16 bytes, bf16, sums over a warp, tensor-core
// products and asynchronous copies. A kernel is CUDA C++ that two compilers take: nvcc, and for
// tests the C++ compiler with the emulator of tests/simt. What they do not share stands here, and
// so does all PTX.
#ifndef BACKENDS_CUDA_DEVICE_H_
#define BACKENDS_CUDA_DEVICE_H_

#include <cstdint>

#include "backends/cuda/launch.h"

// CUDA_LAUNCH(kernel, grid, block, shared bytes, stream, arguments...) launches, and is the
// launch's cudaError_t as an int. A kernel with commas in its name stands in parentheses.
//
// CUDA_ALLOW_SHARED(kernel, bytes), once before the first launch with more than 48 KiB of dynamic
// shared memory; a cudaError_t, too.
//
// CUDA_DYNAMIC_SHARED(name) in a kernel: that memory, as `unsigned char name[]`.
#if defined(__CUDACC__)
#include <cuda_bf16.h>
#include <cuda_runtime.h>
// clang-format off
#define CUDA_LAUNCH(kernel, grid, block, shared, stream, ...)      \
  ((kernel)<<<(grid), (block), (shared), (stream)>>>(__VA_ARGS__), \
   static_cast<int>(cudaGetLastError()))
// clang-format on
#define CUDA_ALLOW_SHARED(kernel, bytes)                                                     \
  static_cast<int>(cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, \
                                        static_cast<int>(bytes)))
#define CUDA_DYNAMIC_SHARED(name) extern __shared__ __align__(128) unsigned char name[]
#else
#include "tests/simt/shim.h"
#define CUDA_LAUNCH(kernel, grid, block, shared, stream, ...) \
  ::simt::LaunchKernel(#kernel, kernel, grid, block, shared, stream, __VA_ARGS__)
#define CUDA_ALLOW_SHARED(kernel, bytes) \
  ::simt::AllowShared(reinterpret_cast<const void*>(kernel), bytes)
#define CUDA_DYNAMIC_SHARED(name) \
  unsigned char* const name = static_cast<unsigned char*>(::simt::DynamicShared())
#endif

namespace backends::cuda {

// ---- Elements. Computed in float, whatever their type.

__device__ __forceinline__ float ToFloat(float x) { return x; }
__device__ __forceinline__ float ToFloat(BFloat16 x) {
  return __uint_as_float(static_cast<uint32_t>(x.bits) << 16);
}

// Rounded to nearest, ties to even; every NaN becomes 0x7fff, as in cuda_bf16.hpp.
template <typename T>
__device__ __forceinline__ T FromFloat(float x);
template <>
__device__ __forceinline__ float FromFloat<float>(float x) {
  return x;
}
template <>
__device__ __forceinline__ BFloat16 FromFloat<BFloat16>(float x) {
#if defined(__CUDA_ARCH__)
  return {__bfloat16_as_ushort(__float2bfloat16_rn(x))};
#else
  const uint32_t u = __float_as_uint(x);
  if ((u & 0x7fffffffu) > 0x7f800000u) return {0x7fff};
  return {static_cast<uint16_t>((u + 0x7fffu + (u >> 16 & 1u)) >> 16)};
#endif
}
// Two in a register as tensor cores take them, the first in the lower half.
__device__ __forceinline__ uint32_t PackBf16(float low, float high) {
#if defined(__CUDA_ARCH__)
  const __nv_bfloat162 both = __floats2bfloat162_rn(low, high);
  return *reinterpret_cast<const uint32_t*>(&both);
#else
  const uint32_t upper = FromFloat<BFloat16>(high).bits;
  return FromFloat<BFloat16>(low).bits | upper << 16;
#endif
}

// ---- Memory.

// kCount elements that are loaded or stored at once.
template <typename T, int kCount>
struct alignas(sizeof(T) * kCount) Vector {
  static constexpr int count = kCount;
  T v[kCount];
};
template <typename T>
using Vector16 = Vector<T, 16 / sizeof(T)>;

// One access of 2, 4, 8 or 16 bytes, the size of V, to global or shared memory; the address is a
// multiple of that size.
#if defined(__CUDACC__)
template <int kBytes>
struct Word;
template <>
struct Word<2> {
  using type = unsigned short;
};
template <>
struct Word<4> {
  using type = unsigned;
};
template <>
struct Word<8> {
  using type = uint2;
};
template <>
struct Word<16> {
  using type = uint4;
};
template <typename V>
__device__ __forceinline__ V Load(const void* p) {
  union {
    typename Word<sizeof(V)>::type word;
    V vector;
  } both;
  both.word = *static_cast<const typename Word<sizeof(V)>::type*>(p);
  return both.vector;
}
template <typename V>
__device__ __forceinline__ void Store(void* p, const V& v) {
  union {
    typename Word<sizeof(V)>::type word;
    V vector;
  } both;
  both.vector = v;
  *static_cast<typename Word<sizeof(V)>::type*>(p) = both.word;
}
#else
template <typename V>
SIMT_NO_CHECKS inline V Load(const void* p, SIMT_HERE) {
  static_assert(sizeof(V) == 2 || sizeof(V) == 4 || sizeof(V) == 8 || sizeof(V) == 16,
                "what one access can take");
  V v;
  ::simt::LoadVector(p, &v, sizeof(V), SIMT_SITE);
  return v;
}
template <typename V>
SIMT_NO_CHECKS inline void Store(void* p, const V& v, SIMT_HERE) {
  static_assert(sizeof(V) == 2 || sizeof(V) == 4 || sizeof(V) == 8 || sizeof(V) == 16,
                "what one access can take");
  ::simt::StoreVector(&v, p, sizeof(V), SIMT_SITE);
}
#endif

// ---- A warp together.

constexpr unsigned kAllLanes = 0xffffffffu;

// Over groups of kLanes neighbours, a power of two. All lanes of the warp call it, and all get
// the same bits, because a sum of two does not depend on their order.
template <int kLanes = 32, typename T>
__device__ __forceinline__ T WarpSum(T x) {
#pragma unroll
  for (int lanes = kLanes / 2; lanes > 0; lanes /= 2) x += __shfl_xor_sync(kAllLanes, x, lanes);
  return x;
}
// fmaxf: a NaN counts only where all are NaN.
template <int kLanes = 32>
__device__ __forceinline__ float WarpMax(float x) {
#pragma unroll
  for (int lanes = kLanes / 2; lanes > 0; lanes /= 2) {
    x = fmaxf(x, __shfl_xor_sync(kAllLanes, x, lanes));
  }
  return x;
}

// ---- PTX, as its ISA describes it; sm_80 has all of it. All lanes of a warp call the first two.
//
// MmaBf16: c += a · b, of 16x16 and 16x8, factors in bf16, sums in float (mma.sync m16n8k16).
// With g = lane / 4 and t = 2 (lane % 4), a lane holds, two neighbours in a register:
//   a[0..3]  row g, g + 8, g, g + 8 at column t, t, t + 8, t + 8, and the column behind each
//   b[0..1]  column g at row t, t + 8, and the row behind each
//   c[0..3]  row g, g, g + 8, g + 8 at column t, t + 1, t, t + 1
//
// LdMatrixX4: four matrices of 8x8 bf16 from shared memory (ldmatrix .x4), as fragments of the
// above. `row` of lane 8 i + r is row r of matrix i, 16 bytes, aligned to these. Register i gets
// row g at columns t, t + 1 of matrix i; of its transpose, if kTransposed.
//
// CpAsync16: 16 aligned bytes from global to shared memory, past the registers (cp.async); zeros
// if `fill_zero`, and `global` is not read then. They lie there for this thread after the wait
// for its group, for other threads after a barrier behind that. CpAsyncCommit ends a group;
// CpAsyncWait<n> waits for all groups of this thread but the last n.
//
// Exp2: 2^x with a relative error of up to 2^-22, zero where that is below 2^-126 (ex2.approx.ftz):
// one instruction, where exp2f, for the sake of results below that, has four.
#if defined(__CUDACC__)

__device__ __forceinline__ float Exp2(float x) {
  float y;
  asm("ex2.approx.ftz.f32 %0, %1;\n" : "=f"(y) : "f"(x));
  return y;
}

__device__ __forceinline__ void MmaBf16(const uint32_t (&a)[4], const uint32_t (&b)[2],
                                        float (&c)[4]) {
  asm volatile(
      "mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, "
      "{%0,%1,%2,%3};\n"
      : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
      : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
}

template <bool kTransposed>
__device__ __forceinline__ void LdMatrixX4(const void* row, uint32_t (&to)[4]) {
  const uint32_t address = static_cast<uint32_t>(__cvta_generic_to_shared(row));
  if constexpr (kTransposed) {
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0,%1,%2,%3}, [%4];\n"
                 : "=r"(to[0]), "=r"(to[1]), "=r"(to[2]), "=r"(to[3])
                 : "r"(address)
                 : "memory");
  } else {
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0,%1,%2,%3}, [%4];\n"
                 : "=r"(to[0]), "=r"(to[1]), "=r"(to[2]), "=r"(to[3])
                 : "r"(address)
                 : "memory");
  }
}

__device__ __forceinline__ void CpAsync16(void* shared, const void* global, bool fill_zero) {
  const uint32_t address = static_cast<uint32_t>(__cvta_generic_to_shared(shared));
  asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;\n" ::"r"(address), "l"(global),
               "r"(fill_zero ? 0 : 16)
               : "memory");
}
__device__ __forceinline__ void CpAsyncCommit() {
  asm volatile("cp.async.commit_group;\n" ::: "memory");
}
template <int kPending>
__device__ __forceinline__ void CpAsyncWait() {
  asm volatile("cp.async.wait_group %0;\n" ::"n"(kPending) : "memory");
}

#else

inline float Exp2(float x) { return ::simt::Exp2(x); }
inline void MmaBf16(const uint32_t (&a)[4], const uint32_t (&b)[2], float (&c)[4], SIMT_HERE) {
  ::simt::MmaBf16(a, b, c, SIMT_SITE);
}
template <bool kTransposed>
inline void LdMatrixX4(const void* row, uint32_t (&to)[4], SIMT_HERE) {
  ::simt::LdMatrixX4(row, kTransposed, to, SIMT_SITE);
}
inline void CpAsync16(void* shared, const void* global, bool fill_zero, SIMT_HERE) {
  ::simt::CpAsync16(shared, global, fill_zero, SIMT_SITE);
}
inline void CpAsyncCommit() { ::simt::CpAsyncCommit(); }
template <int kPending>
inline void CpAsyncWait() {
  ::simt::CpAsyncWait(kPending);
}

#endif

}  // namespace backends::cuda

#endif  // BACKENDS_CUDA_DEVICE_H_

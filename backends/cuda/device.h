// What kernels are written with, for nvcc and, in tests, for the emulator (simt/shim.h): vectors
// of 16 bytes, warp reductions, tensor-core products and asynchronous copies.
#ifndef BACKENDS_CUDA_DEVICE_H_
#define BACKENDS_CUDA_DEVICE_H_

#include <cstdint>

#include "backends/cuda/launch.h"

#if defined(__CUDACC__)
#include <cuda_bf16.h>
#include <cuda_runtime.h>
#define CUDA_DYNAMIC_SHARED(name) extern __shared__ __align__(128) unsigned char name[]
#define CUDA_LAUNCH(kernel, grid, block, shared, stream, ...) \
  ((kernel)<<<(grid), (block), (shared), (stream)>>>(__VA_ARGS__), static_cast<int>(cudaGetLastError()))
// Before the first launch with more than 48 KiB of dynamic shared memory. A cudaError_t.
#define CUDA_ALLOW_SHARED(kernel, bytes) \
  static_cast<int>(cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, bytes))
#else
#include "tests/simt/shim.h"
#define CUDA_DYNAMIC_SHARED(name) \
  unsigned char* const name = static_cast<unsigned char*>(::simt::DynamicShared())
#define CUDA_LAUNCH(kernel, grid, block, shared, stream, ...) \
  ::simt::LaunchKernel(#kernel, kernel, grid, block, shared, stream, __VA_ARGS__)
#define CUDA_ALLOW_SHARED(kernel, bytes) \
  ::simt::AllowShared(reinterpret_cast<const void*>(kernel), bytes)
#endif

namespace backends::cuda {

__device__ __forceinline__ float ToFloat(float x) { return x; }
__device__ __forceinline__ float ToFloat(BFloat16 x) {
  return __uint_as_float(static_cast<uint32_t>(x.bits) << 16);
}

// Rounded to nearest, ties to even; a NaN stays one.
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
  if ((u & 0x7fffffffu) > 0x7f800000u) return {static_cast<uint16_t>(u >> 16 | 0x40u)};
  return {static_cast<uint16_t>((u + 0x7fffu + (u >> 16 & 1u)) >> 16)};
#endif
}
// Two in a register, the first in the lower half.
__device__ __forceinline__ uint32_t PackBf16(float low, float high) {
#if defined(__CUDA_ARCH__)
  const __nv_bfloat162 both = __floats2bfloat162_rn(low, high);
  return *reinterpret_cast<const uint32_t*>(&both);
#else
  return FromFloat<BFloat16>(low).bits | static_cast<uint32_t>(FromFloat<BFloat16>(high).bits) << 16;
#endif
}

template <typename T, int kCount>
struct alignas(sizeof(T) * kCount) Vector {
  static constexpr int count = kCount;
  T v[kCount];
};
template <typename T>
using Vector16 = Vector<T, 16 / sizeof(T)>;

// One load or store of 2, 4, 8 or 16 bytes, aligned to its size; `p` is global or shared memory.
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
  using W = typename Word<sizeof(V)>::type;
  union {
    W word;
    V vector;
  } u;
  u.word = *static_cast<const W*>(p);
  return u.vector;
}
template <typename V>
__device__ __forceinline__ void Store(void* p, const V& v) {
  using W = typename Word<sizeof(V)>::type;
  union {
    W word;
    V vector;
  } u;
  u.vector = v;
  *static_cast<W*>(p) = u.word;
}
#else
template <typename V>
SIMT_NO_CHECKS inline V Load(const void* p, SIMT_HERE) {
  V v;
  ::simt::LoadVector(p, &v, sizeof(V), SIMT_SITE);
  return v;
}
template <typename V>
SIMT_NO_CHECKS inline void Store(void* p, const V& v, SIMT_HERE) {
  ::simt::StoreVector(&v, p, sizeof(V), SIMT_SITE);
}
#endif

constexpr unsigned kAllLanes = 0xffffffffu;

// Over groups of kLanes neighbours; all lanes of the warp call it and get the result. The order
// of the sum is fixed.
template <int kLanes = 32>
__device__ __forceinline__ float WarpSum(float x) {
#pragma unroll
  for (int lanes = kLanes / 2; lanes > 0; lanes /= 2) x += __shfl_xor_sync(kAllLanes, x, lanes);
  return x;
}
template <int kLanes = 32>
__device__ __forceinline__ float WarpMax(float x) {
#pragma unroll
  for (int lanes = kLanes / 2; lanes > 0; lanes /= 2) {
    x = fmaxf(x, __shfl_xor_sync(kAllLanes, x, lanes));
  }
  return x;
}

#if defined(__CUDACC__)

// mma.sync m16n8k16, bf16 factors, f32 sums: c += a · b. Fragments as in the PTX ISA.
__device__ __forceinline__ void MmaBf16(const uint32_t (&a)[4], const uint32_t (&b)[2],
                                        float (&c)[4]) {
  asm volatile(
      "mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, "
      "{%0,%1,%2,%3};\n"
      : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
      : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
}

// ldmatrix .x4: `row` is lane 8i + r's, row r of matrix i, in shared memory.
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

// 16 bytes from global to shared memory, or zeros where `fill_zero`; there after the wait of
// this thread, and a barrier for the others.
__device__ __forceinline__ void CpAsync16(void* shared, const void* global, bool fill_zero) {
  const uint32_t address = static_cast<uint32_t>(__cvta_generic_to_shared(shared));
  asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;\n" ::"r"(address), "l"(global),
               "r"(fill_zero ? 0 : 16)
               : "memory");
}
__device__ __forceinline__ void CpAsyncCommit() { asm volatile("cp.async.commit_group;\n" ::: "memory"); }
template <int kPending>
__device__ __forceinline__ void CpAsyncWait() {
  asm volatile("cp.async.wait_group %0;\n" ::"n"(kPending) : "memory");
}

#else

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

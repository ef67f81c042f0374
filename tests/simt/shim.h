// CUDA's device language for a C++ compiler: what our kernels use of it, and no more. Kernels
// are compiled with the flags in tools/emulator_flags, which make their loads and stores visible
// (memory.h).
//
// Differences that tests must know: float functions are the host's; products and sums contract
// to fma as the host compiler likes; mma sums in double and rounds once, where tensor cores
// truncate; the *_sync functions do order nothing in memory but __syncwarp, as documented.
#ifndef SIMT_SHIM_H_
#define SIMT_SHIM_H_

#include <cmath>
#include <cstdint>
#include <cstring>
#include <type_traits>

#include "tests/simt/emulator.h"

#define __global__
#define __device__
#define __host__
#define __forceinline__ inline
#define __launch_bounds__(...)
#define __shared__ static  // zero at start, so in .bss, where memory.cc looks for it
#define __constant__ static const
#define SIMT_NO_CHECKS __attribute__((no_sanitize("thread", "undefined")))

#define threadIdx (::simt::ThreadIndex())
#define blockIdx (::simt::BlockIndex())
#define blockDim (::simt::BlockDim())
#define gridDim (::simt::GridDim())
constexpr int warpSize = 32;
using dim3 = ::simt::Dim;
using uint3 = ::simt::Index;

#define SIMT_SITE ::simt::Site{file, line}
#define SIMT_HERE const char *file = __builtin_FILE(), int line = __builtin_LINE()

inline void __syncthreads(SIMT_HERE) { ::simt::SyncThreads(SIMT_SITE); }
inline void __syncwarp(uint32_t mask = 0xffffffffu, SIMT_HERE) { ::simt::SyncWarp(mask, SIMT_SITE); }

namespace simt {

// Loads and stores of whole vectors: one access, aligned to its size.
void LoadVector(const void* from, void* to, size_t bytes, Site site);
void StoreVector(const void* from, void* to, size_t bytes, Site site);

// The value that lane `source` brings; a source below zero or above 31 is the lane's own.
uint64_t Shuffle(const char* function, uint32_t mask, uint64_t value, int source, Site site);
uint32_t Ballot(uint32_t mask, bool predicate, Site site);

template <typename T>
SIMT_NO_CHECKS inline T ShuffleAs(const char* function, uint32_t mask, T value, int source,
                                  Site site) {
  static_assert(sizeof(T) == 4 || sizeof(T) == 8, "what registers hold");
  uint64_t bits = 0;
  std::memcpy(&bits, &value, sizeof(T));
  bits = Shuffle(function, mask, bits, source, site);
  std::memcpy(&value, &bits, sizeof(T));
  return value;
}

// See device.h.
void LdMatrixX4(const void* row, bool transposed, uint32_t* to, Site site);
void MmaBf16(const uint32_t* a, const uint32_t* b, float* c, Site site);
void CpAsync16(void* shared, const void* global, bool fill_zero, Site site);
void CpAsyncCommit();
void CpAsyncWait(int pending);

}  // namespace simt

template <typename T>
inline T __shfl_sync(uint32_t mask, T v, int lane, SIMT_HERE) {
  return ::simt::ShuffleAs("__shfl_sync", mask, v, lane & 31, SIMT_SITE);
}
template <typename T>
inline T __shfl_xor_sync(uint32_t mask, T v, int lanes, SIMT_HERE) {
  return ::simt::ShuffleAs("__shfl_xor_sync", mask, v, static_cast<int>(::simt::Lane()) ^ lanes,
                           SIMT_SITE);
}
template <typename T>
inline T __shfl_down_sync(uint32_t mask, T v, unsigned delta, SIMT_HERE) {
  return ::simt::ShuffleAs("__shfl_down_sync", mask, v, static_cast<int>(::simt::Lane() + delta),
                           SIMT_SITE);
}
template <typename T>
inline T __shfl_up_sync(uint32_t mask, T v, unsigned delta, SIMT_HERE) {
  return ::simt::ShuffleAs("__shfl_up_sync", mask, v, static_cast<int>(::simt::Lane() - delta),
                           SIMT_SITE);
}
inline uint32_t __ballot_sync(uint32_t mask, int predicate, SIMT_HERE) {
  return ::simt::Ballot(mask, predicate != 0, SIMT_SITE);
}
inline int __any_sync(uint32_t mask, int predicate, SIMT_HERE) {
  return ::simt::Ballot(mask, predicate != 0, SIMT_SITE) != 0;
}
inline int __all_sync(uint32_t mask, int predicate, SIMT_HERE) {
  return ::simt::Ballot(mask, predicate == 0, SIMT_SITE) == 0;
}

template <typename T>
inline T __ldg(const T* p) {
  return *p;
}
template <typename T>
SIMT_NO_CHECKS inline T atomicAdd(T* p, T value) {
  ::simt::OnAtomic(p, sizeof(T), __builtin_return_address(0));
  const T before = *p;
  *p = before + value;
  return before;
}
template <typename T>
SIMT_NO_CHECKS inline T atomicCAS(T* p, std::common_type_t<T> compare, std::common_type_t<T> value) {
  ::simt::OnAtomic(p, sizeof(T), __builtin_return_address(0));
  const T before = *p;
  if (before == compare) *p = value;
  return before;
}
inline void __threadfence() {}

inline int __popc(uint32_t x) { return __builtin_popcount(x); }
inline int __ffs(int x) { return __builtin_ffs(x); }
inline int __clz(int x) { return x == 0 ? 32 : __builtin_clz(static_cast<unsigned>(x)); }
inline uint32_t __umulhi(uint32_t a, uint32_t b) {
  return static_cast<uint32_t>(uint64_t{a} * b >> 32);
}
inline uint32_t __float_as_uint(float x) {
  uint32_t u;
  std::memcpy(&u, &x, 4);
  return u;
}
inline float __uint_as_float(uint32_t u) {
  float x;
  std::memcpy(&x, &u, 4);
  return x;
}
inline float __expf(float x) { return std::exp(x); }
inline float __logf(float x) { return std::log(x); }
inline float __fdividef(float a, float b) { return a / b; }
using std::isfinite;
using std::isnan;
inline float rsqrtf(float x) { return 1.0f / std::sqrt(x); }
inline int min(int a, int b) { return a < b ? a : b; }
inline int max(int a, int b) { return a > b ? a : b; }

// ---- Launching.

namespace simt {

// Arguments are copied at the launch, as CUDA does.
template <typename... Parameters, typename... Args>
SIMT_NO_CHECKS int LaunchKernel(const char* name, void (*kernel)(Parameters...), Dim grid,
                                Dim block, size_t shared_bytes, CUstream_st* stream,
                                Args... args) {
  static_assert((std::is_trivially_copyable_v<Parameters> && ...), "kernels take plain data");
  void (*volatile target)(Parameters...) = kernel;  // not inlined: its accesses are checked
  if (shared_bytes > AllowedShared(reinterpret_cast<const void*>(kernel))) return 1;
  return Submit({name,
                 [=]() SIMT_NO_CHECKS {
                   in_kernel = true;
                   target(static_cast<Parameters>(args)...);
                   in_kernel = false;
                 },
                 grid, block, shared_bytes, stream});
}

}  // namespace simt

#endif  // SIMT_SHIM_H_

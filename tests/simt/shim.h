// CUDA's device language for a C++ compiler: what our kernels use of it, and no more. Kernels are
// compiled with EMULATED_COPTS (emulated_library.bzl), which make their loads and stores visible.
//
// Differences that tests must know: float functions are the host's; products and sums contract
// to fma as the host compiler likes; mma sums in double and rounds once, where tensor cores
// truncate. Of the *_sync functions only __syncwarp orders memory, as documented. There is no
// __threadfence, no __activemask and no cooperative grid: blocks have no order (README.md).
#ifndef TESTS_SIMT_SHIM_H_
#define TESTS_SIMT_SHIM_H_

#include <cmath>
#include <cstdint>
#include <cstring>
#include <type_traits>

#include "tests/simt/emulator.h"

#define __global__
#define __device__
#define __host__
#define __forceinline__ inline
#define __noinline__ __attribute__((noinline))
#define __launch_bounds__(...)
#define __align__(bytes) __attribute__((aligned(bytes)))
// Of all variables only these are thread-local, so static_shared.cc knows them. The alignment
// leaves room behind most of them, where no other one is hit.
#define __shared__ static thread_local __attribute__((aligned(128)))
#define __constant__ static const
#define SIMT_NO_CHECKS __attribute__((no_sanitize("thread", "undefined")))

#define threadIdx (::simt::ThreadIndex())
#define blockIdx (::simt::BlockIndex())
#define blockDim (::simt::BlockDim())
#define gridDim (::simt::GridDim())
constexpr int warpSize = 32;
using dim3 = ::simt::Dim;
using uint3 = ::simt::Index;

// The last parameters of a function that says where it was called.
#define SIMT_HERE const char *file = __builtin_FILE(), int line = __builtin_LINE()
#define SIMT_SITE (::simt::Site{file, line})

inline void __syncthreads(SIMT_HERE) { ::simt::SyncThreads("__syncthreads", false, SIMT_SITE); }
inline int __syncthreads_count(int predicate, SIMT_HERE) {
  return ::simt::SyncThreads("__syncthreads_count", predicate != 0, SIMT_SITE);
}
inline int __syncthreads_or(int predicate, SIMT_HERE) {
  return ::simt::SyncThreads("__syncthreads_or", predicate != 0, SIMT_SITE) != 0;
}
inline int __syncthreads_and(int predicate, SIMT_HERE) {
  return ::simt::SyncThreads("__syncthreads_and", predicate == 0, SIMT_SITE) == 0;
}
inline void __syncwarp(uint32_t mask = 0xffffffffu, SIMT_HERE) {
  ::simt::SyncWarp(mask, SIMT_SITE);
}

namespace simt {

// Loads and stores of whole vectors: one access, aligned to its size.
void LoadVector(const void* from, void* to, size_t bytes, Site site);
void StoreVector(const void* from, void* to, size_t bytes, Site site);

// The value that lane `source` brings; where that is below zero or above 31, the lane's own.
uint64_t Shuffle(const char* function, uint32_t mask, uint64_t value, int source, Site site);
uint32_t Ballot(const char* function, uint32_t mask, bool predicate, Site site);
enum class Reduction { kAdd, kMin, kMax, kAnd, kOr, kXor };
int64_t Reduce(const char* function, uint32_t mask, int64_t value, Reduction reduction, Site site);

// What CUDA has shuffles for; vectors of 16 bytes it refuses, too.
template <typename T>
using IfShuffled =
    std::enable_if_t<std::is_arithmetic_v<T> && (sizeof(T) == 4 || sizeof(T) == 8), T>;

template <typename T>
SIMT_NO_CHECKS inline T ShuffleAs(const char* function, uint32_t mask, T value, int source,
                                  Site site) {
  uint64_t bits = 0;
  std::memcpy(&bits, &value, sizeof(T));
  bits = Shuffle(function, mask, bits, source, site);
  std::memcpy(&value, &bits, sizeof(T));
  return value;
}
// `source` if it lies in the lane's group of `width`; below 0: own value.
inline int InGroup(int source, int width) {
  const int first = static_cast<int>(Lane()) & ~(width - 1);
  return source >= first && source < first + width ? source : -1;
}

void CheckAtomic(const void* p, size_t bytes, Site site);

// An atomic that turns x into update(x), and returns x.
template <typename T, typename Update>
SIMT_NO_CHECKS inline T Atomic(T* p, const Update& update, Site site) {
  static_assert(sizeof(T) == 4 || sizeof(T) == 8, "what atomics hold");
  CheckAtomic(p, sizeof(T), site);
  const T before = *p;
  *p = update(before);
  return before;
}

// See backends/cuda/device.h. Matrices of bf16: rows by ldmatrix .x4, m16n8k16 products, and 16
// bytes from global to shared memory, or zeros.
void LdMatrixX4(const void* row, bool transposed, uint32_t* to, Site site);
void MmaBf16(const uint32_t* a, const uint32_t* b, float* c, Site site);
void CpAsync16(void* shared, const void* global, bool fill_zero, Site site);
void CpAsyncCommit();
void CpAsyncWait(int pending);

}  // namespace simt

template <typename T>
inline simt::IfShuffled<T> __shfl_sync(uint32_t mask, T v, int lane, int width = 32, SIMT_HERE) {
  const int first = static_cast<int>(::simt::Lane()) & ~(width - 1);
  return ::simt::ShuffleAs("__shfl_sync", mask, v, first + (lane & (width - 1)), SIMT_SITE);
}
template <typename T>
inline simt::IfShuffled<T> __shfl_xor_sync(uint32_t mask, T v, int lanes, int width = 32,
                                           SIMT_HERE) {
  const int source = static_cast<int>(::simt::Lane()) ^ lanes;
  // Earlier groups can be read, later ones not.
  const int end = (static_cast<int>(::simt::Lane()) | (width - 1)) + 1;
  return ::simt::ShuffleAs("__shfl_xor_sync", mask, v, source < end ? source : -1, SIMT_SITE);
}
template <typename T>
inline simt::IfShuffled<T> __shfl_down_sync(uint32_t mask, T v, unsigned delta, int width = 32,
                                            SIMT_HERE) {
  const int source = static_cast<int>(::simt::Lane() + delta);
  return ::simt::ShuffleAs("__shfl_down_sync", mask, v, ::simt::InGroup(source, width), SIMT_SITE);
}
template <typename T>
inline simt::IfShuffled<T> __shfl_up_sync(uint32_t mask, T v, unsigned delta, int width = 32,
                                          SIMT_HERE) {
  const int source = static_cast<int>(::simt::Lane()) - static_cast<int>(delta);
  return ::simt::ShuffleAs("__shfl_up_sync", mask, v, ::simt::InGroup(source, width), SIMT_SITE);
}
inline uint32_t __ballot_sync(uint32_t mask, int predicate, SIMT_HERE) {
  return ::simt::Ballot("__ballot_sync", mask, predicate != 0, SIMT_SITE);
}
inline int __any_sync(uint32_t mask, int predicate, SIMT_HERE) {
  return ::simt::Ballot("__any_sync", mask, predicate != 0, SIMT_SITE) != 0;
}
inline int __all_sync(uint32_t mask, int predicate, SIMT_HERE) {
  return ::simt::Ballot("__all_sync", mask, predicate == 0, SIMT_SITE) == 0;
}
// sm_80 has them for 32-bit integers; the bitwise ones are of unsigned alone.
#define SIMT_REDUCE(T, name, reduction)                                             \
  inline T __reduce_##name##_sync(uint32_t mask, T v, SIMT_HERE) {                  \
    return static_cast<T>(::simt::Reduce("__reduce_" #name "_sync", mask, v,        \
                                         ::simt::Reduction::reduction, SIMT_SITE)); \
  }
SIMT_REDUCE(int, add, kAdd)
SIMT_REDUCE(int, min, kMin)
SIMT_REDUCE(int, max, kMax)
SIMT_REDUCE(unsigned, add, kAdd)
SIMT_REDUCE(unsigned, min, kMin)
SIMT_REDUCE(unsigned, max, kMax)
SIMT_REDUCE(unsigned, and, kAnd)
SIMT_REDUCE(unsigned, or, kOr)
SIMT_REDUCE(unsigned, xor, kXor)
#undef SIMT_REDUCE

template <typename T>
inline T __ldg(const T* p) {
  return *p;
}

template <typename T>
inline T atomicAdd(T* p, std::common_type_t<T> v, SIMT_HERE) {
  return ::simt::Atomic(
      p, [v](T x) SIMT_NO_CHECKS { return x + v; }, SIMT_SITE);
}
template <typename T>
inline T atomicMin(T* p, std::common_type_t<T> v, SIMT_HERE) {
  return ::simt::Atomic(
      p, [v](T x) SIMT_NO_CHECKS { return v < x ? v : x; }, SIMT_SITE);
}
template <typename T>
inline T atomicMax(T* p, std::common_type_t<T> v, SIMT_HERE) {
  return ::simt::Atomic(
      p, [v](T x) SIMT_NO_CHECKS { return v > x ? v : x; }, SIMT_SITE);
}
template <typename T>
inline T atomicAnd(T* p, std::common_type_t<T> v, SIMT_HERE) {
  return ::simt::Atomic(
      p, [v](T x) SIMT_NO_CHECKS { return x & v; }, SIMT_SITE);
}
template <typename T>
inline T atomicOr(T* p, std::common_type_t<T> v, SIMT_HERE) {
  return ::simt::Atomic(
      p, [v](T x) SIMT_NO_CHECKS { return x | v; }, SIMT_SITE);
}
template <typename T>
inline T atomicExch(T* p, std::common_type_t<T> v, SIMT_HERE) {
  return ::simt::Atomic(
      p, [v](T) SIMT_NO_CHECKS { return v; }, SIMT_SITE);
}
template <typename T>
inline T atomicCAS(T* p, std::common_type_t<T> compare, std::common_type_t<T> v, SIMT_HERE) {
  return ::simt::Atomic(
      p, [compare, v](T x) SIMT_NO_CHECKS { return x == compare ? v : x; }, SIMT_SITE);
}

inline int __popc(uint32_t x) { return __builtin_popcount(x); }
inline int __clz(int x) { return x == 0 ? 32 : __builtin_clz(static_cast<unsigned>(x)); }
inline int __ffs(int x) { return __builtin_ffs(x); }
inline uint32_t __umulhi(uint32_t a, uint32_t b) {
  return static_cast<uint32_t>(uint64_t{a} * b >> 32);
}

namespace simt {
template <typename To, typename From>
SIMT_NO_CHECKS inline To BitsAs(From from) {
  static_assert(sizeof(To) == sizeof(From), "the same bits");
  To to;
  std::memcpy(&to, &from, sizeof(to));
  return to;
}
}  // namespace simt
inline uint32_t __float_as_uint(float x) { return ::simt::BitsAs<uint32_t>(x); }
inline int __float_as_int(float x) { return ::simt::BitsAs<int>(x); }
inline float __uint_as_float(uint32_t x) { return ::simt::BitsAs<float>(x); }
inline float __int_as_float(int x) { return ::simt::BitsAs<float>(x); }

namespace simt {
// ex2.approx.ftz.f32, as wrong as its ISA allows: 2^-22, up or down by the last bit of x. So a
// kernel whose results are within their bounds here has them with any GPU's errors.
SIMT_NO_CHECKS inline float Exp2(float x) {
  constexpr double kError = 0x1p-22 - 0x1p-24;  // and half a unit by rounding
  if (std::fabs(x) < 0x1p-126f) return 1.0f;
  const double y = std::exp2(static_cast<double>(x)) *
                   (1.0 + ((BitsAs<uint32_t>(x) & 1u) != 0 ? kError : -kError));
  return y < 0x1p-126 ? 0.0f : static_cast<float>(y);
}
}  // namespace simt

inline float __expf(float x) { return std::exp(x); }
inline float __logf(float x) { return std::log(x); }
inline float __fdividef(float a, float b) { return a / b; }
inline float __fmaf_rn(float a, float b, float c) { return std::fma(a, b, c); }
inline float rsqrtf(float x) { return 1.0f / std::sqrt(x); }
using std::isfinite;
using std::isinf;
using std::isnan;
// One of each, so that mixed types are ambiguous here, where nvcc converts them silently.
#define SIMT_MIN_MAX(T)                            \
  inline T min(T a, T b) { return a < b ? a : b; } \
  inline T max(T a, T b) { return a > b ? a : b; }
SIMT_MIN_MAX(int)
SIMT_MIN_MAX(unsigned)
SIMT_MIN_MAX(long)
SIMT_MIN_MAX(unsigned long)
SIMT_MIN_MAX(long long)
SIMT_MIN_MAX(unsigned long long)
#undef SIMT_MIN_MAX

// ---- Launching.

namespace simt {

// Arguments are copied at the launch, as CUDA does. A cudaError_t.
template <typename... Parameters, typename... Args>
SIMT_NO_CHECKS int LaunchKernel(const char* name, void (*kernel)(Parameters...), Dim grid,
                                Dim block, size_t shared_bytes, CUstream_st* stream, Args... args) {
  static_assert((std::is_trivially_copyable_v<Parameters> && ...), "kernels take plain data");
  // cudaErrorInvalidValue
  if (shared_bytes > AllowedShared(reinterpret_cast<const void*>(kernel))) return 1;
  void (*volatile target)(Parameters...) = kernel;  // not inlined: its accesses are checked
  return Submit({name,
                 [=]() SIMT_NO_CHECKS {
                   in_kernel = true;
                   target(static_cast<Parameters>(args)...);
                   in_kernel = false;
                 },
                 grid, block, shared_bytes, stream});
}

}  // namespace simt

#endif  // TESTS_SIMT_SHIM_H_

#include "backends/cpu/quantize_bytes.h"

#include <cstring>
#include <type_traits>

#include "backends/cpu/ops/quantized_linear.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "backends/cpu/quantize_bytes.cc"
// clang-format off
#include "hwy/foreach_target.h"  // must come before simd-inl.h
#include "backends/cpu/simd-inl.h"
// clang-format on

HWY_BEFORE_NAMESPACE();
namespace backends::cpu::HWY_NAMESPACE {

// The largest magnitude; NaN where one is not a number. Without their signs the bits
// order as the numbers do, NaN above all.
template <typename T>
float MaxMagnitude(const T* x, int64_t n) {
  const U32Tag d;
  auto max = hn::Zero(d);
  ForEachVector(n, [&](int64_t i, auto memory) BACKENDS_CPU_INLINE {
    const auto bits = hn::BitCast(d, memory.Keep(memory.Load(x + i)));
    max = hn::Max(max, hn::And(bits, hn::Set(d, 0x7fffffffu)));
  });
  HWY_ALIGN uint32_t lanes[kLanes];
  hn::Store(max, d, lanes);
  uint32_t most = 0;
  for (uint32_t lane : lanes) most = lane > most ? lane : most;
  float value;
  std::memcpy(&value, &most, sizeof(value));
  return value;
}

// q = x · inverse, to nearest, ties to even; 64 of them in a row, then `step` bytes
// further.
template <typename T>
void RoundToBytes(const T* x, int64_t n, float inverse, int8_t* q, int64_t step) {
  const hn::Rebind<int8_t, F32Tag> bytes;
  const F32 factor = Set(inverse);
  ForEachVector(n, [&](int64_t i, auto memory) BACKENDS_CPU_INLINE {
    const auto rounded = hn::DemoteTo(bytes, hn::NearestInt(hn::Mul(memory.Load(x + i), factor)));
    int8_t* const to = q + i / 64 * step + i % 64;
    if constexpr (std::is_same_v<decltype(memory), Full>) {
      hn::StoreU(rounded, bytes, to);
    } else {
      HWY_ALIGN int8_t lanes[kLanes];
      hn::Store(rounded, bytes, lanes);
      std::memcpy(to, lanes, n - i);
    }
  });
}

}  // namespace backends::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace backends::cpu {

template <typename T>
ops::cpu::QuantizationScale ScaleOf(const T* x, int64_t n) {
  return ops::cpu::QuantizationScale(BACKENDS_CPU_CHOOSE(MaxMagnitude<T>)(x, n));
}

template <typename T>
void QuantizeBytes(const T* x, int64_t n, const ops::cpu::QuantizationScale& scale, int8_t* q,
                   int64_t step) {
  if (scale.inverse != 0.0f) {
    BACKENDS_CPU_CHOOSE(RoundToBytes<T>)(x, n, scale.inverse, q, step);
    return;
  }
  for (int64_t i = 0; i < n; i += 64) std::memset(q + i / 64 * step, 0, n - i < 64 ? n - i : 64);
}

template ops::cpu::QuantizationScale ScaleOf(const float*, int64_t);
template ops::cpu::QuantizationScale ScaleOf(const graph::BFloat16*, int64_t);
template void QuantizeBytes(const float*, int64_t, const ops::cpu::QuantizationScale&, int8_t*,
                            int64_t);
template void QuantizeBytes(const graph::BFloat16*, int64_t, const ops::cpu::QuantizationScale&,
                            int8_t*, int64_t);

}  // namespace backends::cpu
#endif  // HWY_ONCE

// A loop over the flat tensor, by the rule of graph/base/bfloat16.h. It works on
// integers, so that it also runs on machines without bf16 instructions.
#include "backends/cpu/kernel_util.h"

namespace backends::cpu {
namespace {

// Without branches, so that the compiler can vectorise it.
inline uint16_t Narrow(uint32_t u) {
  const uint32_t rounded = (u + 0x7fffu + ((u >> 16) & 1u)) >> 16;
  const uint32_t quiet_nan = (u >> 16) | 0x40u;
  return static_cast<uint16_t>((u & 0x7fffffffu) > 0x7f800000u ? quiet_nan : rounded);
}

void ToBFloat16(const uint32_t* __restrict x, uint16_t* __restrict y, int64_t n) {
#pragma omp simd
  for (int64_t i = 0; i < n; ++i) y[i] = Narrow(x[i]);
}

void ToFloat(const uint16_t* __restrict x, uint32_t* __restrict y, int64_t n) {
#pragma omp simd
  for (int64_t i = 0; i < n; ++i) y[i] = static_cast<uint32_t>(x[i]) << 16;
}

template <typename T>
void Copy(const T* x, T* y, int64_t n) {
  std::copy(x, x + n, y);
}

absl::StatusOr<std::unique_ptr<graph::Kernel>> MakeCast(const graph::KernelSpec& spec) {
  const bool from_f32 = spec.in(0).dtype == graph::DType::kF32;
  const bool to_f32 = spec.out(0).dtype == graph::DType::kF32;
  if (from_f32 && to_f32) return MakeLoop<uint32_t, uint32_t>(spec, Copy<uint32_t>);
  if (from_f32) return MakeLoop(spec, ToBFloat16);
  if (to_f32) return MakeLoop(spec, ToFloat);
  return MakeLoop<uint16_t, uint16_t>(spec, Copy<uint16_t>);
}

}  // namespace

void RegisterCast(graph::KernelTable* table) { AddFloat32OrBfloat16(table, "Cast", MakeCast); }

}  // namespace backends::cpu

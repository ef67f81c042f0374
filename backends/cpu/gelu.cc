// One pass in vectors. y may lie over x, dx over dy: each vector is read before it is
// written, and nothing else touches it.
#include "backends/cpu/gelu.h"

#include "backends/cpu/kernel_util.h"
#include "graph/base/bfloat16.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "backends/cpu/gelu.cc"
// The order counts.
// clang-format off
#include "hwy/foreach_target.h"
#include "backends/cpu/simd-inl.h"
// clang-format on

HWY_BEFORE_NAMESPACE();
namespace backends::cpu::HWY_NAMESPACE {

template <typename T>
void GeluLoop(const T* x, T* y, int64_t n) {
  ForEachElement<T>(n, [=](int64_t i, auto memory) BACKENDS_CPU_INLINE {
    const auto gelu = [](F32 v) { return GeluOf(v, TermsOfGelu<T>(v)); };
    memory.Store(Each(memory.Load(x + i), gelu), y + i);
  });
}

template <typename T>
void GeluGradLoop(const T* x, const T* dy, T* dx, int64_t n) {
  ForEachElement<T>(n, [=](int64_t i, auto memory) BACKENDS_CPU_INLINE {
    const auto grad = [](F32 v, F32 d) {
      return hn::Mul(d, GeluDerivativeOf(v, TermsOfGelu<T>(v)));
    };
    memory.Store(Each(memory.Load(x + i), memory.Load(dy + i), grad), dx + i);
  });
}

}  // namespace backends::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace backends::cpu {
void GeluInPlace(float* y, int64_t n) { BACKENDS_CPU_CHOOSE(GeluLoop<float>)(y, y, n); }

void RegisterGelu(graph::KernelTable* table) {
  AddFloat32OrBfloat16(table, "Gelu", [](const graph::KernelSpec& spec) {
    return VisitFloat(spec.in(0).dtype, [&](auto x) {
      return MakeLoop(spec, BACKENDS_CPU_CHOOSE(GeluLoop<decltype(x)>));
    });
  });
  AddFloat32OrBfloat16(table, "GeluGrad", [](const graph::KernelSpec& spec) {
    return VisitFloat(spec.in(0).dtype, [&](auto x) {
      return MakeLoop(spec, BACKENDS_CPU_CHOOSE(GeluGradLoop<decltype(x)>));
    });
  });
}

}  // namespace backends::cpu
#endif  // HWY_ONCE

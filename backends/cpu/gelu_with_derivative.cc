// One pass: x is read once, y and d are written, either of them over x.
#include "backends/cpu/kernel_util.h"
#include "graph/base/bfloat16.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "backends/cpu/gelu_with_derivative.cc"
// The order counts.
// clang-format off
#include "hwy/foreach_target.h"
#include "backends/cpu/simd-inl.h"
// clang-format on

HWY_BEFORE_NAMESPACE();
namespace backends::cpu::HWY_NAMESPACE {

template <typename T>
void GeluWithDerivativeLoop(const T* x, T* y, T* d, int64_t n) {
  ForEachElement<T>(n, [=](int64_t i, auto memory) BACKENDS_CPU_INLINE {
    // The compiler computes the terms of v once: both lambdas are inlined.
    const auto v = memory.Load(x + i);
    const auto gelu = [](F32 u) { return GeluOf(u, TermsOfGelu<T>(u)); };
    const auto derivative = [](F32 u) { return GeluDerivativeOf(u, TermsOfGelu<T>(u)); };
    memory.Store(Each(v, gelu), y + i);
    memory.Store(Each(v, derivative), d + i);
  });
}

}  // namespace backends::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace backends::cpu {
namespace {

template <typename T>
std::unique_ptr<graph::Kernel> Make(const graph::KernelSpec& spec) {
  const auto loop = BACKENDS_CPU_CHOOSE(GeluWithDerivativeLoop<T>);
  return MakeKernel(
      [n = spec.in(0).elements(), threads = spec.threads, loop](const graph::KernelArgs& args) {
        const T* x = In<T>(args, 0);
        T* y = Out<T>(args, 0);
        T* d = Out<T>(args, 1);
        ParallelPieces(threads, n, [=](int64_t begin, int64_t count) {
          loop(x + begin, y + begin, d + begin, count);
        });
      });
}

}  // namespace

void RegisterGeluWithDerivative(graph::KernelTable* table) {
  AddFloat32OrBfloat16(table, "GeluWithDerivative", [](const graph::KernelSpec& spec) {
    return VisitFloat(spec.in(0).dtype, [&](auto x) { return Make<decltype(x)>(spec); });
  });
}

}  // namespace backends::cpu
#endif  // HWY_ONCE

// One pass: x is read once, y and d are written, either of them over x.
#include "backends/cpu/kernel_util.h"
#include "backends/cpu/kernels.h"
#include "graph/base/bfloat16.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "backends/cpu/gelu_with_derivative.cc"
#include "hwy/foreach_target.h"  // must come before simd-inl.h
#include "backends/cpu/simd-inl.h"

HWY_BEFORE_NAMESPACE();
namespace backends::cpu::HWY_NAMESPACE {

template <typename T>
void GeluWithDerivativeLoop(const T* x, T* y, T* d, int64_t n) {
  ForEachVector(n, [=](int64_t i, auto memory) {
    const F32 v = memory.Load(x + i);
    const GeluTerms terms = TermsOfGelu(v);
    memory.Store(GeluOf(v, terms), y + i);
    memory.Store(GeluDerivativeOf(v, terms), d + i);
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
  return MakeKernel([n = spec.in(0).elements(), threads = spec.threads,
                     loop](const graph::KernelArgs& args) {
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

// One pass in vectors. y may lie over a or b: each vector is read before it is
// written, and nothing else touches it.
#include <type_traits>

#include "backends/cpu/kernel_util.h"
#include "graph/base/bfloat16.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "backends/cpu/add.cc"
// The order counts.
// clang-format off
#include "hwy/foreach_target.h"
#include "backends/cpu/simd-inl.h"
// clang-format on

HWY_BEFORE_NAMESPACE();
namespace backends::cpu::HWY_NAMESPACE {

template <typename A, typename B, typename Y>
void AddLoop(const A* a, const B* b, Y* y, int64_t n) {
  ForEachVector(n, [=](int64_t i, auto memory) BACKENDS_CPU_INLINE {
    memory.Store(hn::Add(memory.Load(a + i), memory.Load(b + i)), y + i);
  });
}

}  // namespace backends::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace backends::cpu {
namespace {

template <typename A, typename B, typename Y>
std::unique_ptr<graph::Kernel> Make(const graph::KernelSpec& spec) {
  const auto loop = BACKENDS_CPU_CHOOSE(AddLoop<A, B, Y>);
  return MakeKernel(
      [n = spec.out(0).elements(), threads = spec.threads, loop](const graph::KernelArgs& args) {
        const A* a = In<A>(args, 0);
        const B* b = In<B>(args, 1);
        Y* y = Out<Y>(args, 0);
        ParallelPieces(threads, n, [=](int64_t begin, int64_t count) {
          loop(a + begin, b + begin, y + begin, count);
        });
      });
}

}  // namespace

void RegisterAdd(graph::KernelTable* table) {
  AddFloat32OrBfloat16(table, "Add", [](const graph::KernelSpec& spec) {
    return VisitFloat(spec.in(0).dtype, [&](auto a) {
      return VisitFloat(spec.in(1).dtype, [&](auto b) {
        using A = decltype(a);
        using B = decltype(b);
        return Make<A, B, std::conditional_t<std::is_same_v<A, B>, A, float>>(spec);
      });
    });
  });
}

}  // namespace backends::cpu
#endif  // HWY_ONCE

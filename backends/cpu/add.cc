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
void RegisterAdd(graph::KernelTable* table) {
  AddFloat32OrBfloat16(table, "Add", [](const graph::KernelSpec& spec) {
    return VisitFloat(spec.in(0).dtype, [&](auto a) {
      return VisitFloat(spec.in(1).dtype, [&](auto b) {
        using A = decltype(a);
        using B = decltype(b);
        using Y = std::conditional_t<std::is_same_v<A, B>, A, float>;
        return MakeLoop(spec, BACKENDS_CPU_CHOOSE(AddLoop<A, B, Y>));
      });
    });
  });
}

}  // namespace backends::cpu
#endif  // HWY_ONCE

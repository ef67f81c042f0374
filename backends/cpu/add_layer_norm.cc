// One pass over memory: computes a row's sum, statistics and normalised values while
// the row is in the first-level cache. `sum` may lie over a or b.
#include "backends/cpu/kernel_util.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "backends/cpu/add_layer_norm.cc"
// The order counts.
// clang-format off
#include "hwy/foreach_target.h"
#include "backends/cpu/simd-inl.h"
#include "backends/cpu/layer_norm-inl.h"
// clang-format on

HWY_BEFORE_NAMESPACE();
namespace backends::cpu::HWY_NAMESPACE {

template <typename A, typename B, typename Y>
void AddLayerNormLoop(const NormParameters& p, const A* a, const B* b, int64_t begin, int64_t end,
                      float* sum, Y* y, float* mean, float* variance) {
  for (int64_t r = begin; r < end; ++r) {
    const A* from_a = a + r * p.cols;
    const B* from_b = b + r * p.cols;
    float* to = sum + r * p.cols;
    F32 total = Zero();
    ForEachVector(p.cols, [&](int64_t i, auto memory) {
      const F32 v = hn::Add(memory.Load(from_a + i), memory.Load(from_b + i));
      memory.Store(v, to + i);
      total = hn::Add(total, v);
    });
    NormalizeRow(p, to, SumOfLanes(total), y + r * p.cols, mean + r, variance + r);
  }
}

}  // namespace backends::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace backends::cpu {
namespace {

template <typename A, typename B, typename Y>
std::unique_ptr<graph::Kernel> Make(const graph::KernelSpec& spec) {
  const auto loop = BACKENDS_CPU_CHOOSE(AddLayerNormLoop<A, B, Y>);
  return MakeKernel([=, rows = spec.in(0).rows(), cols = spec.in(0).cols(),
                     eps = spec.op->Float("eps"),
                     threads = spec.threads](const graph::KernelArgs& args) {
    const NormParameters p = {In<float>(args, 2), In<float>(args, 3), eps, cols};
    ParallelRows(threads, rows, cols, [&](int64_t begin, int64_t end) {
      loop(p, In<A>(args, 0), In<B>(args, 1), begin, end, Out<float>(args, 0), Out<Y>(args, 1),
           Out<float>(args, 2), Out<float>(args, 3));
    });
  });
}

}  // namespace

void RegisterAddLayerNorm(graph::KernelTable* table) {
  AddFloat32OrBfloat16(table, "AddLayerNorm", [](const graph::KernelSpec& spec) {
    return VisitFloat(spec.in(0).dtype, [&](auto a) {
      return VisitFloat(spec.in(1).dtype, [&](auto b) {
        return VisitFloat(spec.out(1).dtype, [&](auto y) {
          return Make<decltype(a), decltype(b), decltype(y)>(spec);
        });
      });
    });
  });
}

}  // namespace backends::cpu
#endif  // HWY_ONCE

// One pass over memory: computes a row's sum, statistics and normalised values while
// the row is in the first-level cache. `sum` may lie over a or b. Without scales b is multiplied by
// one, which changes no bit and costs nothing beside memory.
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

// `scales` has one for each `rows_of_image` rows of b, or is null.
template <typename A, typename B, typename Y>
void AddLayerNormLoop(const NormParameters& p, const A* a, const B* b, const float* scales,
                      int64_t rows_of_image, int64_t begin, int64_t end, float* sum, Y* y,
                      float* mean, float* variance) {
  for (int64_t r = begin; r < end; ++r) {
    const F32 scale = Set(scales == nullptr ? 1.0f : scales[r / rows_of_image]);
    const A* from_a = a + r * p.cols;
    const B* from_b = b + r * p.cols;
    float* to = sum + r * p.cols;
    F32 total = Zero();
    ForEachVector(p.cols, [&](int64_t i, auto memory) {
      const F32 v = hn::MulAdd(scale, memory.Load(from_b + i), memory.Load(from_a + i));
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
  const int64_t rows = spec.in(0).rows(), cols = spec.in(0).cols();
  const bool scaled = spec.inputs.size() > 4;
  const int64_t images = scaled ? spec.in(0).dim(0) : 1;
  const int64_t first = scaled ? spec.op->Int("index") * images : 0;
  return MakeKernel([=, rows_of_image = images == 0 ? 1 : rows / images,
                     eps = spec.op->Float("eps"),
                     threads = spec.threads](const graph::KernelArgs& args) {
    const NormParameters p = {In<float>(args, 2), In<float>(args, 3), eps, cols};
    const float* const scales = scaled ? In<float>(args, 4) + first : nullptr;
    ParallelRows(threads, rows, cols, [&](int64_t begin, int64_t end) {
      loop(p, In<A>(args, 0), In<B>(args, 1), scales, rows_of_image, begin, end,
           Out<float>(args, 0), Out<Y>(args, 1), Out<float>(args, 2), Out<float>(args, 3));
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

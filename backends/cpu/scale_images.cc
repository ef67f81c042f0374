// Each piece of the tensor is cut where an image ends. y may lie over x: a vector is read before it
// is written.
#include "backends/cpu/kernel_util.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "backends/cpu/scale_images.cc"
// The order counts.
// clang-format off
#include "hwy/foreach_target.h"
#include "backends/cpu/simd-inl.h"
// clang-format on

HWY_BEFORE_NAMESPACE();
namespace backends::cpu::HWY_NAMESPACE {

template <typename X, typename Y>
void ScaleLoop(const X* x, float scale, Y* y, int64_t n) {
  const F32 factor = Set(scale);
  ForEachVector(n, [&](int64_t i, auto memory) BACKENDS_CPU_INLINE {
    memory.Store(hn::Mul(memory.Load(x + i), factor), y + i);
  });
}

}  // namespace backends::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace backends::cpu {
namespace {

template <typename X, typename Y>
std::unique_ptr<graph::Kernel> Make(const graph::KernelSpec& spec) {
  const auto loop = BACKENDS_CPU_CHOOSE(ScaleLoop<X, Y>);
  const int64_t n = spec.out(0).elements(), images = spec.in(0).dim(0);
  const int64_t first = spec.op->Int("index") * images, elements = images == 0 ? 1 : n / images;
  return MakeKernel([=, threads = spec.threads](const graph::KernelArgs& args) {
    const float* scales = In<float>(args, 1) + first;
    ParallelPieces(threads, n, [&](int64_t begin, int64_t count) {
      const int64_t end = begin + count;
      while (begin < end) {
        const int64_t image = begin / elements, next = std::min(end, (image + 1) * elements);
        loop(In<X>(args, 0) + begin, scales[image], Out<Y>(args, 0) + begin, next - begin);
        begin = next;
      }
    });
  });
}

}  // namespace

void RegisterScaleImages(graph::KernelTable* table) {
  AddFloat32OrBfloat16(table, "ScaleImages", [](const graph::KernelSpec& spec) {
    return VisitFloat(spec.in(0).dtype, [&](auto x) {
      return VisitFloat(spec.out(0).dtype,
                        [&](auto y) { return Make<decltype(x), decltype(y)>(spec); });
    });
  });
}

}  // namespace backends::cpu
#endif  // HWY_ONCE

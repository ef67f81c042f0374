// Adds four rows at a time, so that the sums, which stay in the first-level cache, are
// read and written a quarter as often as the rows.
#include "backends/cpu/sum_rows.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "backends/cpu/sum_rows.cc"
// The order counts.
// clang-format off
#include "hwy/foreach_target.h"
#include "backends/cpu/simd-inl.h"
// clang-format on

HWY_BEFORE_NAMESPACE();
namespace backends::cpu::HWY_NAMESPACE {

template <typename T>
void SumRowsLoop(const T* from, int64_t rows, int64_t stride, int64_t count, float* to) {
  if (count < kLanes) {
    // The rows are narrower than a vector.
    std::fill(to, to + count, 0.0f);
    for (int64_t r = 0; r < rows; ++r) {
      for (int64_t c = 0; c < count; ++c) to[c] += static_cast<float>(from[r * stride + c]);
    }
    return;
  }
  // The first rows % 4 rows start the sums.
  const int64_t first = rows % 4;
  ForEachVector(count, [=](int64_t c, auto memory) {
    F32 sum = Zero();
    for (int64_t r = 0; r < first; ++r) sum = hn::Add(sum, memory.Load(from + r * stride + c));
    memory.Store(sum, to + c);
  });
  for (int64_t r = first; r < rows; r += 4) {
    const T* row = from + r * stride;
    ForEachVector(count, [=](int64_t c, auto memory) {
      const F32 ab = hn::Add(memory.Load(row + c), memory.Load(row + stride + c));
      const F32 cd = hn::Add(memory.Load(row + 2 * stride + c), memory.Load(row + 3 * stride + c));
      memory.Store(hn::Add(memory.Load(to + c), hn::Add(ab, cd)), to + c);
    });
  }
}

}  // namespace backends::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace backends::cpu {

void SumRows(const float* from, int64_t rows, int64_t stride, int64_t count, float* to) {
  BACKENDS_CPU_CHOOSE(SumRowsLoop<float>)(from, rows, stride, count, to);
}

void SumRows(const graph::BFloat16* from, int64_t rows, int64_t stride, int64_t count, float* to) {
  BACKENDS_CPU_CHOOSE(SumRowsLoop<graph::BFloat16>)(from, rows, stride, count, to);
}

}  // namespace backends::cpu
#endif  // HWY_ONCE

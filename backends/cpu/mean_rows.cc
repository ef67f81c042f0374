// One pass: the rows of an image are summed by the vectors of sum_rows.h, a piece of the columns at
// a time.
#include "backends/cpu/kernel_util.h"
#include "backends/cpu/sum_rows.h"

namespace backends::cpu {
namespace {

constexpr int64_t kPiece = 512;  // columns, whose sums stay in the first-level cache

template <typename T>
std::unique_ptr<graph::Kernel> MakeMean(const graph::KernelSpec& spec) {
  const int64_t images = spec.in(0).dim(0), rows = spec.in(0).dim(1), cols = spec.in(0).dim(2);
  const int64_t start = spec.op->Int("start"), count = spec.op->Int("count");
  const int64_t pieces = CeilDiv(cols, kPiece);
  return MakeKernel([=, threads = spec.threads](const graph::KernelArgs& args) {
    const T* x = In<T>(args, 0) + start * cols;
    float* y = Out<float>(args, 0);
    ParallelFor(threads, images * pieces, count * std::min(cols, kPiece), [=](int64_t task) {
      const int64_t image = task / pieces, col = task % pieces * kPiece;
      const int64_t n = std::min(kPiece, cols - col);
      float* to = y + image * cols + col;
      SumRows(x + image * rows * cols + col, count, cols, n, to);
      const float divisor = static_cast<float>(count);
#pragma omp simd
      for (int64_t i = 0; i < n; ++i) to[i] /= divisor;
    });
  });
}

std::unique_ptr<graph::Kernel> MakeMeanGrad(const graph::KernelSpec& spec) {
  const int64_t images = spec.in(0).dim(0), cols = spec.in(0).dim(1), rows = spec.out(0).dim(1);
  const int64_t start = spec.op->Int("start"), count = spec.op->Int("count");
  return MakeKernel([=, threads = spec.threads](const graph::KernelArgs& args) {
    const float* dy = In<float>(args, 0);
    float* dx = Out<float>(args, 0);
    ParallelFor(threads, images, rows * cols, [=](int64_t image) {
      float* const begin = dx + image * rows * cols;
      float* const first = begin + start * cols;
      const float* from = dy + image * cols;
      const float divisor = static_cast<float>(count);
      std::fill(begin, first, 0.0f);
#pragma omp simd
      for (int64_t i = 0; i < cols; ++i) first[i] = from[i] / divisor;
      for (int64_t t = 1; t < count; ++t) std::copy_n(first, cols, first + t * cols);
      std::fill(first + count * cols, begin + rows * cols, 0.0f);
    });
  });
}

}  // namespace

void RegisterMeanRows(graph::KernelTable* table) {
  AddFloat32OrBfloat16(table, "MeanRows", [](const graph::KernelSpec& spec) {
    return VisitFloat(spec.in(0).dtype, [&](auto x) { return MakeMean<decltype(x)>(spec); });
  });
  AddFloat32(table, "MeanRowsGrad", MakeMeanGrad);
}

}  // namespace backends::cpu

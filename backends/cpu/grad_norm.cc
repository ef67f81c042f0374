// Squares are summed in double over fixed chunks and the chunks in index order,
// so the norm is the same for every number of threads.
#include <cmath>

#include "backends/cpu/kernel_util.h"
#include "backends/cpu/kernels.h"

namespace backends::cpu {
namespace {

constexpr int64_t kChunk = 16384;

// The lanes of one thread's vectors are combined in one order, always.
double SumOfSquares(const float* x, int64_t n) {
  double sum = 0.0;
#pragma omp simd reduction(+ : sum)
  for (int64_t i = 0; i < n; ++i) sum += static_cast<double>(x[i]) * x[i];
  return sum;
}

absl::StatusOr<std::unique_ptr<graph::Kernel>> MakeGradNorm(const graph::KernelSpec& spec) {
  const int64_t n = spec.in(0).elements();
  const int64_t chunks = (n + kChunk - 1) / kChunk;
  return MakeKernel(
      [=, threads = spec.threads](const graph::KernelArgs& args) {
        const float* g = In<float>(args, 0);
        double* partial = static_cast<double*>(args.scratch);
        ParallelFor(threads, chunks, kChunk, [=](int64_t chunk) {
          const int64_t begin = chunk * kChunk;
          partial[chunk] = SumOfSquares(g + begin, std::min(kChunk, n - begin));
        });
        double total = 0.0;
        for (int64_t chunk = 0; chunk < chunks; ++chunk) total += partial[chunk];
        *Out<float>(args, 0) = static_cast<float>(std::sqrt(total));
      },
      chunks * sizeof(double));
}

}  // namespace

void RegisterGradNorm(graph::KernelTable* table) { AddFloat32(table, "GradNorm", MakeGradNorm); }

}  // namespace backends::cpu

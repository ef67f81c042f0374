// y[c] = the sum of x[r, c] over r, x viewed as (rows, elements of y).
//
// Rows are cut into chunks by a rule that knows the shape only; each chunk is
// summed in row order and the chunks in chunk order, so the result is the same
// for every number of threads.
#include <cstring>

#include "backends/cpu/kernel_util.h"
#include "backends/cpu/kernels.h"

namespace backends::cpu {
namespace {

constexpr int64_t kMinChunkRows = 64;
constexpr int64_t kMaxChunks = 32;
constexpr int64_t kBlockColumns = 512;

// to[0, count) = sum over rows of from[row * stride + (0, count)).
void SumRows(const float* from, int64_t rows, int64_t stride, int64_t count, float* to) {
  if (rows == 0) {
    std::memset(to, 0, count * sizeof(float));
    return;
  }
  std::memcpy(to, from, count * sizeof(float));
  for (int64_t row = 1; row < rows; ++row) {
    const float* line = from + row * stride;
#pragma omp simd
    for (int64_t i = 0; i < count; ++i) to[i] += line[i];
  }
}

}  // namespace

void RegisterSumToShape(graph::KernelTable* table) {
  AddFloat32(table, "SumToShape", [](const graph::KernelSpec& spec) {
    const int64_t cols = spec.out(0).elements();
    const int64_t rows = cols == 0 ? 0 : spec.in(0).elements() / cols;
    const int64_t chunk_rows = std::max(kMinChunkRows, (rows + kMaxChunks - 1) / kMaxChunks);
    const int64_t chunks = std::max<int64_t>(1, (rows + chunk_rows - 1) / chunk_rows);
    const int64_t blocks = (cols + kBlockColumns - 1) / kBlockColumns;
    const size_t scratch = chunks > 1 ? chunks * cols * sizeof(float) : 0;
    return MakeKernel(
        [=, threads = spec.threads](const graph::KernelArgs& args) {
          const float* x = In<float>(args, 0);
          float* y = Out<float>(args, 0);
          float* partial = chunks > 1 ? static_cast<float*>(args.scratch) : y;
          ParallelFor(threads, chunks * blocks, chunk_rows * kBlockColumns, [=](int64_t task) {
            const int64_t row = task / blocks * chunk_rows;
            const int64_t col = task % blocks * kBlockColumns;
            SumRows(x + row * cols + col, std::min(chunk_rows, rows - row), cols,
                    std::min(kBlockColumns, cols - col), partial + task / blocks * cols + col);
          });
          if (chunks == 1) return;
          ParallelFor(threads, blocks, chunks * kBlockColumns, [=](int64_t block) {
            const int64_t col = block * kBlockColumns;
            SumRows(partial + col, chunks, cols, std::min(kBlockColumns, cols - col), y + col);
          });
        },
        scratch);
  });
}

}  // namespace backends::cpu

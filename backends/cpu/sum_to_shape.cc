// y[c] = the sum of x[r, c] over r, x viewed as (rows, elements of y): sums chunks of
// rows, then the chunks (sum_rows.h), both by blocks of columns.
#include "backends/cpu/kernel_util.h"
#include "backends/cpu/sum_rows.h"

namespace backends::cpu {
namespace {

// Wide, so that rows are read in long runs; the sums still fit the first-level cache.
constexpr int64_t kBlock = 4096;

template <typename T>
std::unique_ptr<graph::Kernel> Make(const graph::KernelSpec& spec) {
  const int64_t cols = spec.out(0).elements();
  const RowChunks chunks(cols == 0 ? 0 : spec.in(0).elements() / cols);
  const int64_t blocks = (cols + kBlock - 1) / kBlock;
  const size_t scratch = chunks.count > 1 ? chunks.count * cols * sizeof(float) : 0;
  return MakeKernel(
      [=, threads = spec.threads](const graph::KernelArgs& args) {
        const T* x = In<T>(args, 0);
        float* y = Out<float>(args, 0);
        float* partial = chunks.count > 1 ? static_cast<float*>(args.scratch) : y;
        const int64_t width = std::min(cols, kBlock);
        ParallelFor(threads, chunks.count * blocks, chunks.size * width, [=](int64_t task) {
          const int64_t chunk = task / blocks, col = task % blocks * kBlock;
          const int64_t row = chunks.begin(chunk);
          SumRows(x + row * cols + col, chunks.end(chunk) - row, cols, std::min(kBlock, cols - col),
                  partial + chunk * cols + col);
        });
        if (chunks.count == 1) return;
        ParallelColumns(threads, chunks.count, cols, [=](int64_t col, int64_t count) {
          SumRows(partial + col, chunks.count, cols, count, y + col);
        });
      },
      scratch);
}

}  // namespace

void RegisterSumToShape(graph::KernelTable* table) {
  AddFloat32OrBfloat16(table, "SumToShape", [](const graph::KernelSpec& spec) {
    return VisitFloat(spec.in(0).dtype, [&](auto x) { return Make<decltype(x)>(spec); });
  });
}

}  // namespace backends::cpu

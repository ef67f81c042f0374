#include "backends/cpu/droppos/masked_row_sum.h"

#include <algorithm>

namespace backends::cpu::droppos {

void MaskedRowSum(const MaskedRows& shape, const float* x, const uint8_t* mask, void* scratch,
                  int threads, float* sum) {
  double* sums = static_cast<double*>(scratch);
#pragma omp parallel for schedule(static) num_threads(threads)
  for (int64_t b = 0; b < shape.batch; ++b) {
    const float* image = x + (b * (shape.prefix + shape.rows) + shape.prefix) * shape.dim;
    double* image_sum = sums + b * shape.dim;
    std::fill(image_sum, image_sum + shape.dim, 0.0);
    for (int64_t r = 0; r < shape.rows; ++r) {
      if (mask[b * shape.rows + r] == 0) continue;
      const float* row = image + r * shape.dim;
#pragma omp simd
      for (int64_t d = 0; d < shape.dim; ++d) image_sum[d] += row[d];
    }
  }
  constexpr int64_t kColumns = 64;
  const int64_t chunks = (shape.dim + kColumns - 1) / kColumns;
#pragma omp parallel for schedule(static) num_threads(threads)
  for (int64_t chunk = 0; chunk < chunks; ++chunk) {
    const int64_t begin = chunk * kColumns, n = std::min(kColumns, shape.dim - begin);
    double total[kColumns] = {};
    for (int64_t b = 0; b < shape.batch; ++b) {
      const double* image_sum = sums + b * shape.dim + begin;
      for (int64_t d = 0; d < n; ++d) total[d] += image_sum[d];
    }
    for (int64_t d = 0; d < n; ++d) sum[begin + d] = static_cast<float>(total[d]);
  }
}

}  // namespace backends::cpu::droppos

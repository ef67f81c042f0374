// MeanRows and its gradient on the device; the contract is ops/mean_rows.h.
//
// Tensors are 16-byte aligned, nothing lies in place, no scratch. Each returns a cudaError_t.
#ifndef BACKENDS_CUDA_MEAN_ROWS_LAUNCH_H_
#define BACKENDS_CUDA_MEAN_ROWS_LAUNCH_H_

#include <cstdint>

#include "backends/cuda/launch.h"

namespace backends::cuda {

// The rows [start, start + count) of the `rows` of an image.
struct MeanRange {
  int rows, start, count;
};

// T is float or BFloat16. Rows are added in order.
template <typename T>
struct MeanRowsArgs {
  const T* x;  // (images, rows, cols)
  float* y;    // (images, cols)
  int64_t images;
  int cols;
  MeanRange range;
};
template <typename T>
int MeanRows(const MeanRowsArgs<T>& args, Stream stream);

struct MeanRowsGradArgs {
  const float* dy;  // (images, cols)
  float* dx;        // (images, rows, cols)
  int64_t images;
  int cols;
  MeanRange range;
};
int MeanRowsGrad(const MeanRowsGradArgs& args, Stream stream);

}  // namespace backends::cuda

#endif  // BACKENDS_CUDA_MEAN_ROWS_LAUNCH_H_

// What kernels share that read class labels: which rows count, and a warp for each row of logits.
#ifndef BACKENDS_CUDA_LABELS_H_
#define BACKENDS_CUDA_LABELS_H_

#include <cmath>
#include <cstdint>

#include "backends/cuda/device.h"
#include "backends/cuda/fault.h"

namespace backends::cuda {

constexpr int kLabelWarps = 4;  // of a block, each with a row

__device__ inline int64_t RowOfWarp() {
  return static_cast<int64_t>(blockIdx.x) * kLabelWarps + threadIdx.x / 32;
}
inline unsigned LabelBlocks(int64_t rows) {
  return static_cast<unsigned>((rows + kLabelWarps - 1) / kLabelWarps);
}

__device__ inline bool IsScored(int32_t label, int classes) {
  return label >= 0 && label < classes;
}

// IsScored, and reports a label that is no class, from the first lane, as of input 1.
__device__ inline bool IsScoredOrReported(const FaultSite& fault, int64_t row, int32_t label,
                                          int classes) {
  if (label >= classes && threadIdx.x % 32 == 0) {
    ReportFault(fault, 1, row, label, -static_cast<double>(INFINITY), classes);
  }
  return IsScored(label, classes);
}

}  // namespace backends::cuda

#endif  // BACKENDS_CUDA_LABELS_H_

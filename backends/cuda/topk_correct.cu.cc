// A warp has a row and reads it once; the sum over its lanes is of integers.
#include "backends/cuda/topk_correct_launch.h"

#include "backends/cuda/device.h"
#include "backends/cuda/labels.h"

namespace backends::cuda {
namespace {

__global__ void __launch_bounds__(kLabelWarps * 32) TopKCorrectKernel(TopKCorrectArgs p) {
  const int lane = static_cast<int>(threadIdx.x) % 32;
  const int64_t row = RowOfWarp();
  if (row >= p.rows) return;  // a whole warp
  const int32_t label = p.labels[row];
  if (!IsScoredOrReported(p.fault, row, label, p.classes)) {
    if (lane == 0) p.correct[row] = 0;
    return;
  }
  const float* const logits = p.logits + row * p.classes;
  const float own = logits[label];
  int before = 0;
#pragma unroll 4
  for (int i = lane; i < p.classes; i += 32) {
    const float x = logits[i];
    const bool is_behind = x < own || (x == own && i >= label);
    before += is_behind ? 0 : 1;  // so a NaN is before, and all are before a NaN
  }
  before = WarpSum(before);
  if (lane == 0) p.correct[row] = before < p.k;
}

}  // namespace

int TopKCorrect(const TopKCorrectArgs& p, Stream stream) {
  return CUDA_LAUNCH(TopKCorrectKernel, LabelBlocks(p.rows), kLabelWarps * 32, 0, stream, p);
}

}  // namespace backends::cuda

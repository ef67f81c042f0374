// A warp has a row, in any number of classes: it reads it from memory once, then from the cache,
// two megabytes at 512 images of 1000 classes. The loss then is one block's sum in row order.
#include "backends/cuda/softmax_cross_entropy_launch.h"

#include <cmath>

#include "backends/cuda/device.h"
#include "backends/cuda/fault.h"
#include "backends/cuda/sum_in_order.h"

namespace backends::cuda {
namespace {

constexpr int kWarps = 4;  // of a block of rows
constexpr int kThreads = 256;

__device__ int64_t RowOfWarp() {
  return static_cast<int64_t>(blockIdx.x) * kWarps + threadIdx.x / 32;
}
unsigned BlocksOf(int64_t rows) { return static_cast<unsigned>((rows + kWarps - 1) / kWarps); }

__device__ bool IsScored(int32_t label, int classes) { return label >= 0 && label < classes; }

// IsScored, and reports a label that is no class, from the first lane.
__device__ bool IsScoredOrReported(const FaultSite& fault, int64_t row, int32_t label,
                                   int classes) {
  if (label >= classes && threadIdx.x % 32 == 0) {
    ReportFault(fault, 1, row, label, -static_cast<double>(INFINITY), classes);
  }
  return IsScored(label, classes);
}

__global__ void __launch_bounds__(kWarps * 32) RowLosses(SoftmaxCrossEntropyArgs p) {
  const int lane = static_cast<int>(threadIdx.x) % 32;
  const int64_t row = RowOfWarp();
  if (row >= p.rows) return;  // a whole warp
  const int32_t label = p.labels[row];
  if (!IsScoredOrReported(p.fault, row, label, p.classes)) {
    if (lane == 0) {
      p.scratch[row] = 0.0f;
      p.correct[row] = 0;
    }
    return;
  }
  const float* const logits = p.logits + row * p.classes;
  float largest = -INFINITY;
  int best = p.classes;  // the lowest index of the largest
#pragma unroll 4
  for (int i = lane; i < p.classes; i += 32) {
    const float x = logits[i];
    if (x > largest || best == p.classes) {
      largest = x;
      best = i;
    }
  }
#pragma unroll
  for (int lanes = 16; lanes > 0; lanes /= 2) {
    const float x = __shfl_xor_sync(kAllLanes, largest, lanes);
    const int i = __shfl_xor_sync(kAllLanes, best, lanes);
    if (x > largest || (x == largest && i < best)) {
      largest = x;
      best = i;
    }
  }
  float sum = 0.0f;
#pragma unroll 4
  for (int i = lane; i < p.classes; i += 32) sum += expf(logits[i] - largest);
  sum = WarpSum(sum);
  if (lane == 0) {
    p.scratch[row] = logf(sum) + largest - logits[label];
    p.correct[row] = best == label;
  }
}

// Of all rows, for thread 0; the whole block calls it.
__device__ double CountScored(const int32_t* labels, int64_t rows, int classes) {
  double mine = 0.0;
  for (int64_t r = threadIdx.x; r < rows; r += kThreads) mine += IsScored(labels[r], classes);
  return SumInOrder<kThreads>(kThreads, [&](int64_t) { return mine; });
}

__global__ void __launch_bounds__(kThreads) MeanLoss(SoftmaxCrossEntropyArgs p) {
  const double total =
      SumInOrder<kThreads>(p.rows, [&](int64_t r) { return static_cast<double>(p.scratch[r]); });
  const double scored = CountScored(p.labels, p.rows, p.classes);
  if (threadIdx.x == 0) *p.loss = scored == 0.0 ? 0.0f : static_cast<float>(total / scored);
}

// scratch: dloss / S, unused if no row is scored.
__global__ void __launch_bounds__(kThreads) ScaleOfRows(SoftmaxCrossEntropyGradArgs p) {
  const double scored = CountScored(p.labels, p.rows, p.classes);
  if (threadIdx.x == 0) *p.scratch = *p.dloss / static_cast<float>(scored < 1.0 ? 1.0 : scored);
}

__global__ void __launch_bounds__(kWarps * 32) RowGradients(SoftmaxCrossEntropyGradArgs p) {
  const int lane = static_cast<int>(threadIdx.x) % 32;
  const int64_t row = RowOfWarp();
  if (row >= p.rows) return;  // a whole warp
  const int32_t label = p.labels[row];
  const float* const logits = p.logits + row * p.classes;
  float* const dlogits = p.dlogits + row * p.classes;
  if (!IsScoredOrReported(p.fault, row, label, p.classes)) {
    for (int i = lane; i < p.classes; i += 32) dlogits[i] = 0.0f;
    return;
  }
  float largest = -INFINITY;
#pragma unroll 4
  for (int i = lane; i < p.classes; i += 32) largest = fmaxf(largest, logits[i]);
  largest = WarpMax(largest);
  float sum = 0.0f;
#pragma unroll 4
  for (int i = lane; i < p.classes; i += 32) sum += expf(logits[i] - largest);
  const float scale = *p.scratch;
  const float of_sum = scale / WarpSum(sum);
#pragma unroll 4
  for (int i = lane; i < p.classes; i += 32) {
    const float d = expf(logits[i] - largest) * of_sum;
    dlogits[i] = i == label ? d - scale : d;
  }
}

}  // namespace

int SoftmaxCrossEntropy(const SoftmaxCrossEntropyArgs& p, Stream stream) {
  const int error = CUDA_LAUNCH(RowLosses, BlocksOf(p.rows), kWarps * 32, 0, stream, p);
  if (error != 0) return error;
  return CUDA_LAUNCH(MeanLoss, 1, kThreads, 0, stream, p);
}

int SoftmaxCrossEntropyGrad(const SoftmaxCrossEntropyGradArgs& p, Stream stream) {
  const int error = CUDA_LAUNCH(ScaleOfRows, 1, kThreads, 0, stream, p);
  if (error != 0) return error;
  return CUDA_LAUNCH(RowGradients, BlocksOf(p.rows), kWarps * 32, 0, stream, p);
}

}  // namespace backends::cuda

// A warp has a row, in any number of classes: it reads it from memory once, then from the cache,
// two megabytes at 512 images of 1000 classes. The loss then is one block's sum in row order.
#include "backends/cuda/softmax_cross_entropy_launch.h"

#include <cmath>

#include "backends/cuda/device.h"
#include "backends/cuda/labels.h"
#include "backends/cuda/sum_in_order.h"

namespace backends::cuda {
namespace {

constexpr int kThreads = 256;

// kSoft is off for hard labels, whose kernels know nothing of the rest.

// The label of the row that `row` is mixed with: its own where there is no λ.
__device__ int32_t PartnerLabel(const SoftTargets& soft, const int32_t* labels, int64_t row) {
  if (soft.lam == nullptr) return labels[row];
  return labels[(2 * (row / soft.group) + 1) * soft.group - 1 - row];
}
template <bool kSoft>
__device__ bool IsPartnerScored(const SoftTargets& soft, const int32_t* labels, int64_t row,
                                int classes) {
  return !kSoft || IsScored(PartnerLabel(soft, labels, row), classes);
}

// How much of the target the row's own label has, and its partner's.
struct Weights {
  float own, partner;
};
__device__ Weights WeightsOf(const SoftTargets& soft, int64_t row) {
  const float lam = soft.lam == nullptr ? 1.0f : soft.lam[row / soft.group];
  return {(1.0f - soft.smoothing) * lam, (1.0f - soft.smoothing) * (1.0f - lam)};
}

template <bool kSoft>
__global__ void __launch_bounds__(kLabelWarps * 32) RowLosses(SoftmaxCrossEntropyArgs p) {
  const int lane = static_cast<int>(threadIdx.x) % 32;
  const int64_t row = RowOfWarp();
  if (row >= p.rows) return;  // a whole warp
  const int32_t label = p.labels[row];
  if (!IsScoredOrReported(p.fault, row, label, p.classes) ||
      !IsPartnerScored<kSoft>(p.soft, p.labels, row, p.classes)) {
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
  float sum = 0.0f, distance = 0.0f;  // of all logits from the largest
#pragma unroll 4
  for (int i = lane; i < p.classes; i += 32) {
    const float x = logits[i];
    sum += expf(x - largest);
    if (kSoft) distance += largest - x;
  }
  sum = WarpSum(sum);
  if (kSoft) distance = WarpSum(distance);
  if (lane == 0) {
    if (kSoft) {
      // By distances, so that nothing cancels; a weight of 0 is not multiplied with infinity.
      const Weights weights = WeightsOf(p.soft, row);
      float mean = 0.0f;
      if (weights.own != 0.0f) mean += weights.own * (largest - logits[label]);
      if (weights.partner != 0.0f) {
        mean += weights.partner * (largest - logits[PartnerLabel(p.soft, p.labels, row)]);
      }
      if (p.soft.smoothing != 0.0f) mean += p.soft.smoothing * (distance / p.classes);
      p.scratch[row] = logf(sum) + mean;
    } else {
      p.scratch[row] = logf(sum) + largest - logits[label];
    }
    p.correct[row] = best == label;
  }
}

// Of all rows, for thread 0; the whole block calls it.
template <bool kSoft>
__device__ double CountScored(const SoftTargets& soft, const int32_t* labels, int64_t rows,
                              int classes) {
  double mine = 0.0;
  for (int64_t r = threadIdx.x; r < rows; r += kThreads) {
    if (!IsPartnerScored<kSoft>(soft, labels, r, classes)) continue;
    mine += IsScored(labels[r], classes);
  }
  return SumInOrder<kThreads>(kThreads, [&](int64_t) { return mine; });
}

template <bool kSoft>
__global__ void __launch_bounds__(kThreads) MeanLoss(SoftmaxCrossEntropyArgs p) {
  const double total =
      SumInOrder<kThreads>(p.rows, [&](int64_t r) { return static_cast<double>(p.scratch[r]); });
  const double scored = CountScored<kSoft>(p.soft, p.labels, p.rows, p.classes);
  if (threadIdx.x == 0) *p.loss = scored == 0.0 ? 0.0f : static_cast<float>(total / scored);
}

// scratch: dloss / S, unused if no row is scored.
template <bool kSoft>
__global__ void __launch_bounds__(kThreads) ScaleOfRows(SoftmaxCrossEntropyGradArgs p) {
  const double scored = CountScored<kSoft>(p.soft, p.labels, p.rows, p.classes);
  if (threadIdx.x == 0) *p.scratch = *p.dloss / static_cast<float>(scored < 1.0 ? 1.0 : scored);
}

template <bool kSoft>
__global__ void __launch_bounds__(kLabelWarps * 32) RowGradients(SoftmaxCrossEntropyGradArgs p) {
  const int lane = static_cast<int>(threadIdx.x) % 32;
  const int64_t row = RowOfWarp();
  if (row >= p.rows) return;  // a whole warp
  const int32_t label = p.labels[row];
  const float* const logits = p.logits + row * p.classes;
  float* const dlogits = p.dlogits + row * p.classes;
  if (!IsScoredOrReported(p.fault, row, label, p.classes) ||
      !IsPartnerScored<kSoft>(p.soft, p.labels, row, p.classes)) {
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
  Weights weights = {};
  float of_all = 0.0f;
  int32_t partner = label;
  if (kSoft) {
    weights = WeightsOf(p.soft, row);
    of_all = scale * p.soft.smoothing / static_cast<float>(p.classes);
    partner = PartnerLabel(p.soft, p.labels, row);
  }
#pragma unroll 4
  for (int i = lane; i < p.classes; i += 32) {
    float d = expf(logits[i] - largest) * of_sum;
    if (kSoft) {
      d -= of_all;
      if (i == label) d -= scale * weights.own;
      if (i == partner) d -= scale * weights.partner;
      dlogits[i] = d;
    } else {
      dlogits[i] = i == label ? d - scale : d;
    }
  }
}

template <bool kSoft>
int Launch(const SoftmaxCrossEntropyArgs& p, Stream stream) {
  const int error =
      CUDA_LAUNCH(RowLosses<kSoft>, LabelBlocks(p.rows), kLabelWarps * 32, 0, stream, p);
  if (error != 0) return error;
  return CUDA_LAUNCH(MeanLoss<kSoft>, 1, kThreads, 0, stream, p);
}

template <bool kSoft>
int LaunchGrad(const SoftmaxCrossEntropyGradArgs& p, Stream stream) {
  const int error = CUDA_LAUNCH(ScaleOfRows<kSoft>, 1, kThreads, 0, stream, p);
  if (error != 0) return error;
  return CUDA_LAUNCH(RowGradients<kSoft>, LabelBlocks(p.rows), kLabelWarps * 32, 0, stream, p);
}

bool AreSoft(const SoftTargets& soft) { return soft.lam != nullptr || soft.smoothing != 0.0f; }

}  // namespace

int SoftmaxCrossEntropy(const SoftmaxCrossEntropyArgs& p, Stream stream) {
  return AreSoft(p.soft) ? Launch<true>(p, stream) : Launch<false>(p, stream);
}

int SoftmaxCrossEntropyGrad(const SoftmaxCrossEntropyGradArgs& p, Stream stream) {
  return AreSoft(p.soft) ? LaunchGrad<true>(p, stream) : LaunchGrad<false>(p, stream);
}

}  // namespace backends::cuda

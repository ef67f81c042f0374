// SoftmaxCrossEntropy and its gradient on the device; the contract is ops/softmax_cross_entropy.h.
#ifndef BACKENDS_CUDA_SOFTMAX_CROSS_ENTROPY_LAUNCH_H_
#define BACKENDS_CUDA_SOFTMAX_CROSS_ENTROPY_LAUNCH_H_

#include <cstddef>
#include <cstdint>

#include "backends/cuda/launch.h"

namespace backends::cuda {

// Targets that have more than one class. Groups of `group` rows have a λ each and are mirrored.
struct SoftTargets {
  const float* lam;  // (rows / group), or null: all 1
  int64_t group;     // with lam
  float smoothing;
};

// In both, a label beyond the classes is reported as input 1, and its row counts as not scored.
struct SoftmaxCrossEntropyArgs {
  const float* logits;    // (rows, classes)
  const int32_t* labels;  // (rows)
  float* loss;            // (1)
  int32_t* correct;       // (rows)
  float* scratch;         // rows
  int64_t rows;
  int classes;
  FaultSite fault;
  SoftTargets soft;  // zeros: hard labels
};

struct SoftmaxCrossEntropyGradArgs {
  const float* logits;    // (rows, classes)
  const int32_t* labels;  // (rows)
  const float* dloss;     // (1)
  float* dlogits;         // (rows, classes), not over logits
  float* scratch;         // 1
  int64_t rows;
  int classes;
  FaultSite fault;
  SoftTargets soft;  // zeros: hard labels
};

// A cudaError_t. Rows need no alignment.
int SoftmaxCrossEntropy(const SoftmaxCrossEntropyArgs& args, Stream stream);
int SoftmaxCrossEntropyGrad(const SoftmaxCrossEntropyGradArgs& args, Stream stream);

}  // namespace backends::cuda

#endif  // BACKENDS_CUDA_SOFTMAX_CROSS_ENTROPY_LAUNCH_H_

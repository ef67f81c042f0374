// TopKCorrect on the device; the contract is ops/topk_correct.h.
#ifndef BACKENDS_CUDA_TOPK_CORRECT_LAUNCH_H_
#define BACKENDS_CUDA_TOPK_CORRECT_LAUNCH_H_

#include <cstdint>

#include "backends/cuda/launch.h"

namespace backends::cuda {

// A label beyond the classes is reported as input 1, and its row counts as not scored.
struct TopKCorrectArgs {
  const float* logits;    // (rows, classes)
  const int32_t* labels;  // (rows)
  int32_t* correct;       // (rows)
  int64_t rows;
  int classes, k;
  FaultSite fault;
};

// A cudaError_t. Rows need no alignment. No scratch.
int TopKCorrect(const TopKCorrectArgs& args, Stream stream);

}  // namespace backends::cuda

#endif  // BACKENDS_CUDA_TOPK_CORRECT_LAUNCH_H_

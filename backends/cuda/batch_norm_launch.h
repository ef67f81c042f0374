// BatchNorm, its gradient and BatchNormInference on the device; the contract is ops/batch_norm.h.
#ifndef BACKENDS_CUDA_BATCH_NORM_LAUNCH_H_
#define BACKENDS_CUDA_BATCH_NORM_LAUNCH_H_

#include <cstdint>

#include "backends/cuda/launch.h"

namespace backends::cuda {

// Matrices are (rows, cols), all else (cols).
struct BatchNormArgs {
  const float *x, *running_mean, *running_var;
  float* y;  // may lie over x
  float* rstd;
  float *new_running_mean, *new_running_var;  // may lie over the old ones
  int64_t rows;
  int cols;
  float eps, momentum;
};

struct BatchNormGradArgs {
  const float *y, *rstd, *dy;
  float* dx;  // may lie over dy
  int64_t rows;
  int cols;
};

struct BatchNormInferenceArgs {
  const float *x, *running_mean, *running_var;
  float* y;  // may lie over x
  int64_t rows;
  int cols;
  float eps;
};

// A cudaError_t.
int BatchNorm(const BatchNormArgs& args, Stream stream);
int BatchNormGrad(const BatchNormGradArgs& args, Stream stream);
int BatchNormInference(const BatchNormInferenceArgs& args, Stream stream);

}  // namespace backends::cuda

#endif  // BACKENDS_CUDA_BATCH_NORM_LAUNCH_H_

// DropPathScales on the device; the contract is ops/drop_path_scales.h.
#ifndef BACKENDS_CUDA_DROP_PATH_SCALES_LAUNCH_H_
#define BACKENDS_CUDA_DROP_PATH_SCALES_LAUNCH_H_

#include <cstdint>

#include "backends/cuda/launch.h"

namespace backends::cuda {

struct DropPathScalesArgs {
  const int64_t* keys;  // (batch)
  const float* rates;   // (branches) of the host, read before the call returns
  uint32_t purpose;     // graph::Purpose::kDropPath
  int branches;
  int64_t batch;
  float* scales;  // (branches, batch)
};

// A cudaError_t.
int DropPathScales(const DropPathScalesArgs& args, Stream stream);

}  // namespace backends::cuda

#endif  // BACKENDS_CUDA_DROP_PATH_SCALES_LAUNCH_H_

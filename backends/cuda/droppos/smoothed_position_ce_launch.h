// SmoothedPositionCE and its gradient; the contract is ops/droppos/smoothed_position_ce.h.
#ifndef BACKENDS_CUDA_DROPPOS_SMOOTHED_POSITION_CE_LAUNCH_H_
#define BACKENDS_CUDA_DROPPOS_SMOOTHED_POSITION_CE_LAUNCH_H_

#include <cstddef>
#include <cstdint>

#include "backends/cuda/launch.h"

namespace backends::cuda::droppos {

// What forward and gradient share.
struct SmoothedPositionCEShape {
  int batch, visible, cells;
  int grid_h, grid_w;  // cells <= grid_h * grid_w
  bool official, conf_ignore;

  size_t scratch_bytes() const;
};

struct SmoothedPositionCEInputs {
  const float* logits;      // (B, V, L), 16-byte aligned
  const int32_t* ids_keep;  // (B, V); a row of a bad id is a fault, and adds nothing
  const uint8_t* mask_pos;  // (B, V)
  const float* sigma;       // {1}; NaN or negative is a fault
  const float* weights;     // (B, V), or null
  void* scratch;            // scratch_bytes(), 16-byte aligned
  FaultSite fault;
};

struct SmoothedPositionCEOutputs {
  float* loss;  // {1}
  float* accuracy;
  float* accuracy_weighted;
  int32_t* correct;  // (B)
  int32_t* scored;
  int32_t* ignored;
};

// Each returns a cudaError_t. dlogits may lie over logits.
int SmoothedPositionCE(const SmoothedPositionCEShape& shape, const SmoothedPositionCEInputs& in,
                       const SmoothedPositionCEOutputs& out, Stream stream);
int SmoothedPositionCEGrad(const SmoothedPositionCEShape& shape, const SmoothedPositionCEInputs& in,
                           const float* dloss, float* dlogits, Stream stream);

}  // namespace backends::cuda::droppos

#endif  // BACKENDS_CUDA_DROPPOS_SMOOTHED_POSITION_CE_LAUNCH_H_

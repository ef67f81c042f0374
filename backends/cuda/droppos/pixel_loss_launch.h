// PixelLoss and its gradient; the contract is ops/droppos/pixel_loss.h.
#ifndef BACKENDS_CUDA_DROPPOS_PIXEL_LOSS_LAUNCH_H_
#define BACKENDS_CUDA_DROPPOS_PIXEL_LOSS_LAUNCH_H_

#include <cstddef>
#include <cstdint>

#include "backends/cuda/launch.h"

namespace backends::cuda::droppos {

struct PixelLossArgs {
  const float* pred;    // (B, L, p*p*3), 16-byte aligned
  const float* images;  // (B, 3, H, W), 16-byte aligned
  const uint8_t* mask;  // (B, L), 16-byte aligned
  void* scratch;        // PixelLossScratch() or PixelLossGradScratch() bytes, 8-byte aligned
  int batch, height, width, patch;  // the patch divides height and width
  bool normalise;
  double variance_eps;  // of normalise
};

size_t PixelLossScratch(int batch);
constexpr size_t PixelLossGradScratch() { return sizeof(double); }

// Each returns a cudaError_t: loss {1}, per_image (B); dpred (B, L, p*p*3) from dloss {1}, which
// may lie over pred.
int PixelLoss(const PixelLossArgs& args, float* loss, float* per_image, Stream stream);
int PixelLossGrad(const PixelLossArgs& args, const float* dloss, float* dpred, Stream stream);

}  // namespace backends::cuda::droppos

#endif  // BACKENDS_CUDA_DROPPOS_PIXEL_LOSS_LAUNCH_H_

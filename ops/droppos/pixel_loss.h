// PixelLoss: the MAE loss, mean squared error of the hidden patches' pixels.
//
//   pred (B, L, p*p*3), images (B, 3, H, W), mask (B, L) u8 -> loss {1}, per_image (B)
//
// Attributes, both required: patch p, which divides H and W, L = H/p * W/p;
// norm_pix_loss, 0 or 1.
// The target t[b,l] is the patch's pixels, channel last, (y*p + x)*3 + c, as the
// official patchify orders them. With norm_pix_loss it is normalised by the
// patch's mean and unbiased variance (divisor p*p*3 - 1):
//   t = (t - mean) / sqrt(var + 1e-6)
//
//   err[b,l]     = mean over the p*p*3 values of (pred - t)^2
//   loss         = sum mask*err / sum mask, over all (b, l)
//   per_image[b] = the same over one image, for evaluations to average
// If nothing is masked, loss and gradient are 0. All f32 or all f64; sums are in
// double, per image and then over images in index order.
//
// PixelLossGrad: pred, images, mask, dloss {1} -> dpred (B, L, p*p*3)
//   dpred = dloss * mask / sum mask * 2 (pred - t) / (p*p*3)
// In place: dpred over pred. Gradients go from the loss to pred only; asking for
// that of the images is an error.
//
// Source: He et al., "Masked Autoencoders Are Scalable Vision Learners", section
// 3; forward_loss in models_mae.py.
#ifndef OPS_DROPPOS_PIXEL_LOSS_H_
#define OPS_DROPPOS_PIXEL_LOSS_H_

#include "graph/schema/schema.h"

namespace ops::droppos {

// Added to the variance that normalises a patch's pixels.
constexpr double kPixelVarianceEps = 1e-6;

// Positions of the inputs and outputs, for kernels.
struct PixelLossArgs {
  enum In { kPred, kImages, kMask, kDLoss };  // kDLoss: gradient operator only
  enum Out { kLoss, kPerImage };
};

void RegisterPixelLoss(graph::SchemaRegistry* registry);

}  // namespace ops::droppos

#endif  // OPS_DROPPOS_PIXEL_LOSS_H_

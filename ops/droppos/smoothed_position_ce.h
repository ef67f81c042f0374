// SmoothedPositionCE: the DropPos loss. Each visible patch whose position was
// dropped is to name its cell; the target is smoothed over nearby cells.
//
//   logits (B, V, L), ids_keep (B, V) i32, mask_pos (B, V) u8, sigma {1},
//   [weights (B, V)]
//     -> loss {1}, accuracy {1}, accuracy_weighted {1},
//        correct (B) i32, scored (B) i32
//
// With T the targets of position_targets.h, i = ids_keep[b,v], weights 1 when
// absent, and sums over all (b, v):
//   w     = mask_pos * weights
//   CE    = -sum_j T[i][j] * log_softmax(logits[b,v])[j]
//   loss  = sum w*CE / sum w
//   right = 1 where the largest logit (the lowest index of equal ones) is at i
//   accuracy          = sum mask_pos*right / sum mask_pos
//   accuracy_weighted = sum w*right / sum w
//   correct[b], scored[b] = the counts behind accuracy, per image: what an
//   evaluation adds up, so that it does not depend on the batch size.
// Where sum w = 0 loss and weighted accuracy are 0, and so is the gradient;
// where nothing is dropped accuracy is 0. Rows with w = 0 add nothing.
//
// f32 or f64, one type for logits, sigma and weights; the loss is summed in
// double, per image and then over images in index order. Attributes grid_h,
// grid_w: L = grid_h * grid_w, cell = row * grid_w + column. sigma >= 0 is read
// at each run, for it decays during training; NaN or a negative one is an
// InvalidArgument from Run. ids in [0, L).
//
// SmoothedPositionCEGrad: logits, ids_keep, mask_pos, sigma, dloss {1},
//   [weights]  ->  dlogits (B, V, L) = dloss * w / sum w * (softmax - T[i])
// dlogits may lie where logits lie. Only the loss and only the logits have a
// gradient; asking for that of weights or sigma is an error.
//
// Source: paper section 3.2, equations of position smoothing and attentive
// reconstruction; forward_drop_pos_loss in models_DropPos_mae.py, whose acc1 is
// accuracy_weighted.
#ifndef OPS_DROPPOS_SMOOTHED_POSITION_CE_H_
#define OPS_DROPPOS_SMOOTHED_POSITION_CE_H_

#include "graph/schema/schema.h"

namespace ops::droppos {

// Positions of the inputs and outputs, for kernels.
struct SmoothedPositionCEArgs {
  enum In { kLogits, kIdsKeep, kMaskPos, kSigma, kWeights };
  enum Out { kLoss, kAccuracy, kAccuracyWeighted, kCorrect, kScored };
};
struct SmoothedPositionCEGradArgs {
  enum In { kLogits, kIdsKeep, kMaskPos, kSigma, kDLoss, kWeights };
};

void RegisterSmoothedPositionCE(graph::SchemaRegistry* registry);

}  // namespace ops::droppos

#endif  // OPS_DROPPOS_SMOOTHED_POSITION_CE_H_

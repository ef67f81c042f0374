// SmoothedPositionCE: the DropPos loss. For each visible patch whose position was
// dropped the network predicts its cell; the target is smoothed over nearby cells.
//
//   logits (B, V, L), ids_keep (B, V) i32, mask_pos (B, V) u8, sigma {1},
//   [weights (B, V)]
//     -> loss {1}, accuracy {1}, accuracy_weighted {1},
//        correct (B) i32, scored (B) i32, ignored (B) i32
//
// With T the targets of position_targets.h, i = ids_keep[b,v], p = softmax of
// logits[b,v], weights 1 when absent, and sums over all (b, v):
//   w     = mask_pos * weights, and 0 where conf_ignore is set and p[i] >= T[i][i]
//   CE    = -sum_j T[i][j] * log p[j], j in [0, L)
//   loss  = sum w*CE / sum w
//   right = 1 if the largest logit (the lowest index of equal ones) is at i
//   accuracy          = sum mask_pos*right / sum mask_pos
//   accuracy_weighted = sum w*right / sum w
//   correct[b], scored[b] = numerator and denominator of accuracy, per image; an
//   evaluation sums them, so that it does not depend on the batch size.
//   ignored[b] = number of the image's dropped positions that conf_ignore leaves out
// If sum w = 0, loss, weighted accuracy and gradient are 0; if nothing is dropped,
// accuracy is 0. Rows with w = 0 add nothing.
//
// Attributes:
//   grid_h, grid_w  the grid on which targets lie, cell = row * grid_w + column
//   targets         "paper": L = grid_h * grid_w, rows of T sum to 1.
//                   "official": the published script's map: L <= grid_h * grid_w,
//                   columns are normalised over the whole grid (16 wide for a
//                   14 x 14 patch grid of 224 px), patch i takes its flat cell i,
//                   and only the first L columns are read.
//   conf_ignore     1: leave out patches that are predicted with more confidence
//                   than the target has at its own cell (official --conf_ignore)
// logits, sigma and weights are all f32 or all f64; the loss is summed in double,
// per image and then over images in index order. sigma is read at each run,
// because it decays during training; NaN or a negative sigma is a fault (OutOfRange).
// ids in [0, L).
//
// SmoothedPositionCEGrad: logits, ids_keep, mask_pos, sigma, dloss {1},
//   [weights]  ->  dlogits (B, V, L)
//   dlogits = dloss * w / sum w * (t * softmax - T[i]), t = sum_j<L T[i][j] (1 for
//   "paper"). w has no gradient (the official code computes it under no_grad).
//   In place: dlogits over logits. Gradients go from the loss to the logits only;
//   asking for that of weights or sigma is an error.
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
  enum Out { kLoss, kAccuracy, kAccuracyWeighted, kCorrect, kScored, kIgnored };
};
struct SmoothedPositionCEGradArgs {
  enum In { kLogits, kIdsKeep, kMaskPos, kSigma, kDLoss, kWeights };
};

void RegisterSmoothedPositionCE(graph::SchemaRegistry* registry);

}  // namespace ops::droppos

#endif  // OPS_DROPPOS_SMOOTHED_POSITION_CE_H_

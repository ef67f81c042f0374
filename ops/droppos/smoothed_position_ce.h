// SmoothedPositionCE: the DropPos loss. Each visible patch whose position was
// dropped is to name its cell; the target is smoothed over nearby cells.
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
//   right = 1 where the largest logit (the lowest index of equal ones) is at i
//   accuracy          = sum mask_pos*right / sum mask_pos
//   accuracy_weighted = sum w*right / sum w
//   correct[b], scored[b] = the counts behind accuracy, per image: what an
//   evaluation adds up, so that it does not depend on the batch size.
//   ignored[b] = dropped positions of the image that conf_ignore leaves out
// Where sum w = 0 loss and weighted accuracy are 0, and so is the gradient;
// where nothing is dropped accuracy is 0. Rows with w = 0 add nothing.
//
// Attributes:
//   grid_h, grid_w  the grid on which targets lie, cell = row * grid_w + column
//   targets         "paper": L = grid_h * grid_w, rows of T sum to 1.
//                   "official": the published script's map: L <= grid_h * grid_w,
//                   columns are normalised over the whole grid, patch i takes
//                   flat cell i of it (16 wide for a 14 x 14 patch grid of 224 px),
//                   and only the first L columns are read.
//   conf_ignore     1: leave out patches that are predicted with more confidence
//                   than the target has at its own cell (official --conf_ignore)
// f32 or f64, one type for logits, sigma and weights; the loss is summed in
// double, per image and then over images in index order. sigma >= 0 is read
// at each run, for it decays during training; NaN or a negative one is an
// InvalidArgument from Run. ids in [0, L).
//
// SmoothedPositionCEGrad: logits, ids_keep, mask_pos, sigma, dloss {1},
//   [weights]  ->  dlogits (B, V, L)
//   dlogits = dloss * w / sum w * (t * softmax - T[i]), t = sum_j<L T[i][j] (1 for
//   "paper"). w does not carry a gradient (the official code computes it under
//   no_grad). dlogits may lie where logits lie. Only the loss and only the logits
//   have a gradient; asking for that of weights or sigma is an error.
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

// SoftmaxCrossEntropy: the loss of a classifier.
//
//   logits   (..., K) float, flattened to R rows, R and K at least 1
//   labels   (R) i32, below K. A row with a negative label is not scored, for
//            example one that fills up the last batch of an evaluation (label -1)
//   lam      optional, (G) float as logits: the rows are G groups of R/G, an even
//            number, and row i of a group is mixed with row R/G - 1 - i of it, as
//            MixImages mixes images: λ of group g is lam[g]. A row whose partner
//            is not scored is not scored either
//   loss     (1)  mean over the S scored rows of log Σ_k exp(logit_k) - Σ_k t_k logit_k;
//            0 if no row is scored
//   correct  (R) i32: 1 if the row is scored and its largest logit is its own
//            label's (the lowest index of equal ones), else 0
//
// A scored row with label a, whose partner has label b, has the targets
// t = (1 - s)·(λ·onehot(a) + (1 - λ)·onehot(b)) + s/K, which are not stored;
// without lam λ is 1. s is the attribute smoothing, in [0, 1), 0 by default:
// then and without lam, t is onehot(a). λ is not checked; the targets of any λ
// sum to 1.
//
// SoftmaxCrossEntropyGrad: dlogits = dloss·(softmax(logits) - t)/S, 0 in rows that
// are not scored, whatever their logits. Attribute smoothing as above.
//
//   logits, labels, dloss (1), optional lam (G) -> dlogits like logits
//
// In both a label of K or more is a fault (OutOfRange) that names the row; the
// outputs are then garbage. λ is data and has no gradient.
//
// Groups take λ and not a second list of labels, because that list is the first one
// mirrored: the loss and MixImages then read the same (G) numbers, and nothing can
// disagree with them.
//
// Saved for the gradient: the inputs. The mean is summed in row order. Sources:
// torch.nn.CrossEntropyLoss; with λ and smoothing timm's SoftTargetCrossEntropy of
// mixup_target, and its LabelSmoothingCrossEntropy.
#ifndef OPS_SOFTMAX_CROSS_ENTROPY_H_
#define OPS_SOFTMAX_CROSS_ENTROPY_H_

#include "graph/schema/schema.h"

namespace ops {

void RegisterSoftmaxCrossEntropy(graph::SchemaRegistry* registry);

}  // namespace ops

#endif  // OPS_SOFTMAX_CROSS_ENTROPY_H_

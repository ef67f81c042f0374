// SoftmaxCrossEntropy: the loss of a classifier.
//
//   logits   (..., K) float, flattened to R rows, R and K at least 1
//   labels   (R) i32, below K. A row with a negative label is not scored, for
//            example one that fills up the last batch of an evaluation (label -1)
//   loss     (1)  mean over the S scored rows of log Σ_k exp(logit_k) -
//            logit_label; 0 if no row is scored
//   correct  (R) i32: 1 if the row is scored and its largest logit is the label's
//            (the lowest index of equal ones), else 0
//
// SoftmaxCrossEntropyGrad: dlogits = dloss·(softmax(logits) - onehot(label))/S,
// 0 in rows that are not scored, whatever their logits.
//
//   logits, labels, dloss (1) -> dlogits like logits
//
// In both a label of K or more is a fault (OutOfRange) that names the row; the
// outputs are then garbage.
//
// Saved for the gradient: the inputs. The mean is summed in row order. Source:
// torch.nn.CrossEntropyLoss.
#ifndef OPS_SOFTMAX_CROSS_ENTROPY_H_
#define OPS_SOFTMAX_CROSS_ENTROPY_H_

#include "graph/schema/schema.h"

namespace ops {

void RegisterSoftmaxCrossEntropy(graph::SchemaRegistry* registry);

}  // namespace ops

#endif  // OPS_SOFTMAX_CROSS_ENTROPY_H_

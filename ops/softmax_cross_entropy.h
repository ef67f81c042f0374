// SoftmaxCrossEntropy: the loss of a classifier.
//
//   logits   (..., K) float, flattened to R rows, R and K at least 1
//   labels   (R) i32, below K. A negative label says that the row is not scored,
//            as the rows that fill up the last batch of an evaluation (label -1)
//   loss     (1)  mean over the S scored rows of log Σ_k exp(logit_k) -
//            logit_label; 0 if no row is scored
//   correct  (R) i32: 1 where the largest logit is the label's; of equal
//            logits the lowest index counts as largest; 0 where not scored
//
// SoftmaxCrossEntropyGrad: dlogits = dloss·(softmax(logits) - onehot(label))/S,
// 0 in rows that are not scored, whatever their logits.
//
//   logits, labels, dloss (1) -> dlogits as logits
//
// A label of K or more is an OutOfRange error that names the row, in both; the
// outputs are garbage then.
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

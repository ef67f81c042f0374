// SoftmaxCrossEntropy: the loss of a classifier.
//
//   logits   (..., K) float, flattened to R rows, R and K at least 1
//   labels   (R) i32, in [0, K)
//   loss     (1)  mean over rows of log Σ_k exp(logit_k) - logit_label
//   correct  (R) i32: 1 where the largest logit is the label's; of equal
//            logits the lowest index counts as largest
//
// SoftmaxCrossEntropyGrad: dlogits = dloss·(softmax(logits) - onehot(label))/R.
//
//   logits, labels, dloss (1) -> dlogits as logits
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

// TopKCorrect: whether a label is among the k largest logits, for top-1 and top-5 accuracy.
//
//   logits   (..., K) float, flattened to R rows, R and K at least 1
//   labels   (R) i32, below K. A row with a negative label is not scored
//   correct  (R) i32: 1 if the row is scored and fewer than k logits come before its
//            label's, else 0. Larger ones come first, of equal ones the lower
//            index; a NaN comes before all numbers, and a label whose own logit is
//            NaN is not correct
//
// Attribute k: from 1 to K. With k = 1 and without NaN it is `correct` of
// SoftmaxCrossEntropy.
//
// A label of K or more is a fault (OutOfRange) that names the row; the output is
// then garbage. It counts and has no gradient.
#ifndef OPS_TOPK_CORRECT_H_
#define OPS_TOPK_CORRECT_H_

#include "graph/schema/schema.h"

namespace ops {

void RegisterTopKCorrect(graph::SchemaRegistry* registry);

}  // namespace ops

#endif  // OPS_TOPK_CORRECT_H_

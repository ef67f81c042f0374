// Reverse-mode differentiation of a net: appends the backward operators.
#ifndef GRAPH_AUTODIFF_AUTODIFF_H_
#define GRAPH_AUTODIFF_AUTODIFF_H_

#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "graph/schema/builder.h"

namespace graph {

// Appends to `builder` the operators that compute d(scale · loss)/d(w) for each blob w of
// `wrt`, and returns the gradient blobs in the same order. `loss` has one element. The gradient
// of blob "x" is named "grad/x"; a gradient that two blobs share is named after the first.
// Gradients from several readers of a blob are summed in reverse order of the readers.
//
// Fails, naming the blob and the operator where the path ends, when a `wrt` blob does not reach
// the loss, reaches it only through operators without a gradient, or through one that is not
// differentiable.
//
// All operators are added to the backward phase. Besides those of the gradient makers these are
// Fill and Add, which the registry must hold; they belong to the part that makes the blob whose
// gradient they compute.
absl::StatusOr<std::vector<BlobId>> Differentiate(NetBuilder* builder, BlobId loss,
                                                  absl::Span<const BlobId> wrt, float scale = 1.0f);

}  // namespace graph

#endif  // GRAPH_AUTODIFF_AUTODIFF_H_

// Reverse-mode differentiation of a net: appends the backward operators.
#ifndef GRAPH_AUTODIFF_AUTODIFF_H_
#define GRAPH_AUTODIFF_AUTODIFF_H_

#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "graph/schema/builder.h"

namespace graph {

// Appends to `builder` the operators that compute d(scale · loss)/d(w) for each
// blob of `wrt`, and returns the gradient blobs in the same order; the gradient
// of blob "x" is named "grad/x", where two blobs share one after the first of
// them. `loss` has one element. Gradients of a blob
// with several readers are summed in reverse order of the readers.
//
// Fails, naming the blob and the operator where the path ends, when a `wrt` blob
// does not reach the loss, reaches it only through operators without a
// gradient, or when the path crosses one that is not differentiable.
//
// All that it adds is of the backward phase. The operators it adds itself are Fill and Add,
// which belong to the part that makes the blob whose gradient they are; the registry must
// hold them.
absl::StatusOr<std::vector<BlobId>> Differentiate(NetBuilder* builder, BlobId loss,
                                                  absl::Span<const BlobId> wrt, float scale = 1.0f);

}  // namespace graph

#endif  // GRAPH_AUTODIFF_AUTODIFF_H_

// Multiplies all rows once where some of them are multiplied beside: a model embeds
// the visible patches for the encoder and all patches for the guide.
//
//   before                                      after
//   v f32[B,V,K] = GatherRows(p, ids)           v f32[B,V,K] = GatherRows(p, ids)
//                                               z f32[B,L,N] = MatMul(p, w) @all
//   y f32[B,V,N] = MatMul(v, w) @some           y f32[B,V,N] = GatherRows(z, ids) @some
//   z f32[B,L,N] = MatMul(p, w) @all
//
// The product of all rows moves in front of its new reader where it stood behind. The
// rows of p stay for other readers (the gradient of w) and go where there are none.
//
// Preconditions: gradients have been taken; both are plain products (nothing packed,
// nothing multiplied in) of the same w with the same attributes.
//
// Does not apply where the product of all rows is a state's value at exit.
//
// When it hurts: the product of all rows lives from its first reader to its last.
#ifndef GRAPH_PASSES_SHARED_ROWS_H_
#define GRAPH_PASSES_SHARED_ROWS_H_

#include <utility>

#include "graph/passes/pass.h"
#include "graph/passes/pipeline.h"

namespace graph {

class SharedRowsPass : public Pass {
 public:
  // Products that are to be computed in different precisions are not shared.
  explicit SharedRowsPass(PipelineOptions options = {}) : options_(std::move(options)) {}

  absl::string_view name() const override { return "shared_rows"; }
  absl::StatusOr<bool> Run(Net* net, const SchemaRegistry& registry) const override;

 private:
  PipelineOptions options_;
};

}  // namespace graph

#endif  // GRAPH_PASSES_SHARED_ROWS_H_

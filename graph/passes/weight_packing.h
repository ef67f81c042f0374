// Stores the weights of products in the order in which the backend reads them, once
// a run for all their readers.
//
//   before                                      after
//   state w f32[100,27]                         state w f32[100,27]
//   w.bf16 bf16[100,27] = Cast(w) dtype="bf16"  w.packed_nk_bf16 bf16[64,128] =
//                                                   PackWeights(w) dtype="bf16" trans_w=1
//   y bf16[8,100] = Linear(x, w.bf16, b)        y bf16[8,100] = Linear(x, w.packed_nk_bf16, b)
//                                                   cols=100 packed=1
//
// One PackWeights for each state, trans_w and element type, right before its first
// reader; a training net has two of a matrix, x·wᵀ of the forward pass and dy·w of
// the backward pass. A Cast that nothing reads any more goes away: PackWeights
// rounds by the same rule. Values do not change.
//
// Why at the start of each run, and not as a state of its own that the optimizer
// updates: a copy can go stale. Loading a checkpoint, importing weights or writing
// a state by hand would have to know of it, and its layout belongs to this machine
// and its instruction set, so it could not be saved. Packing reads and writes each
// matrix once, 1 to 2% of a training step.
//
// Applies to MatMul and Linear whose w is the entry value of a state, or a Cast of
// one. Does not apply to f64, which only tests compute in, nor where a reader comes
// after the operator that overwrites the state.
//
// Comes after mixed_precision, which decides the element types.
#ifndef GRAPH_PASSES_WEIGHT_PACKING_H_
#define GRAPH_PASSES_WEIGHT_PACKING_H_

#include "graph/passes/pass.h"

namespace graph {

class WeightPackingPass : public Pass {
 public:
  absl::string_view name() const override { return "weight_packing"; }
  absl::StatusOr<bool> Run(Net* net, const SchemaRegistry& registry) const override;
};

}  // namespace graph

#endif  // GRAPH_PASSES_WEIGHT_PACKING_H_

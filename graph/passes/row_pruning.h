// Computes only the rows that an operator reads, where integers say which.
//
//   before                                   after
//   q f32[B,T,3D] = Linear(n, ...)           q f32[B,T,3D] = Linear(n, ...)
//                                            r i32[B,Q] = RowsOp(ids) @rows.op
//   a f32[B,T,D], l = Attention(q)           a f32[B,Q,D], l = Attention(q, r)
//   p f32[B,T,D] = Linear(a, w, b)           p f32[B,Q,D] = Linear(a, w, b)
//                                            x.rows f32[B,Q,D] = GatherRows(x, r) @add.rows
//   y f32[B,T,D] = Add(x, p) @add            y f32[B,Q,D] = Add(x.rows, p) @add
//   z, all = Op(y, ids) @op                  z = GatheredOp(y) @op
//
// It starts from operators whose schema names RowsOp and GatheredOp (Schema::ReadsRows),
// where only their first output is read. From there back, an operator makes few rows
// when nothing reads others of its results and when its schema allows it: each of
// its inputs is read in the same row (RowUse::kSameRow) or in all rows whatever is
// made (weights), or its rows can be named (Schema::MakesRowsNamedBy, as the queries
// of Attention). Shape inference decides the rest: a position table, added to all rows,
// does not fit fewer. Where rows are needed of a tensor that is made whole, a GatherRows
// stands before the first reader.
//
// Preconditions: gradients have been taken (they read all rows, so training prunes
// what has none: the guide's last block); rows of (B, T, C) tensors; fewer of them than
// there are; the integers are made before the operators in question.
//
// Does not apply to what the net puts out or keeps, nor where another operator reads
// other rows.
//
// Equal within rounding: products of fewer rows may add in another order.
#ifndef GRAPH_PASSES_ROW_PRUNING_H_
#define GRAPH_PASSES_ROW_PRUNING_H_

#include "graph/passes/pass.h"

namespace graph {

class RowPruningPass : public Pass {
 public:
  absl::string_view name() const override { return "row_pruning"; }
  absl::StatusOr<bool> Run(Net* net, const SchemaRegistry& registry) const override;
};

}  // namespace graph

#endif  // GRAPH_PASSES_ROW_PRUNING_H_

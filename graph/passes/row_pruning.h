// Computes only rows that something reads, where integers say which.
//
//   before                                   after
//   q f32[B,T,3D] = Linear(n, ...)           q f32[B,T,3D] = Linear(n, ...)
//   a f32[B,T,D], l = Attention(q)           a f32[B,V,D], l = Attention(q, ids)
//   p f32[B,T,D] = Linear(a, w, b)           p f32[B,V,D] = Linear(a, w, b)
//   y f32[B,T,D] = Add(x, p) @add            x.rows f32[B,V,D] = GatherRows(x, ids) @add.rows
//   z f32[B,V,D] = GatherRows(y, ids)        y f32[B,V,D] = Add(x.rows, p) @add
//   u = Op(z)                                u = Op(y)
//
// What reads few rows: GatherRows, and operators whose schema says so
// (Schema::ReadsRows), which become the operator that the schema names while only their
// first output is read, or take the rows themselves. From there back, an operator makes few rows
// when nothing reads others of its results and when its schema allows it: each of
// its inputs is read in the same row (RowUse::kSameRow) or in all rows whatever is
// made (weights), or its rows can be named (Schema::MakesRowsNamedBy, as the queries
// of Attention). Behind an operator that only moves rows (Schema::MovesRows, as
// SliceRows) go other numbers, and the operator goes too. Shape inference decides the rest: a
// position table, added to all rows, does not fit fewer. Where rows are needed of a tensor that is
// made whole, a GatherRows stands before the first reader.
//
// Before the gradient is taken or after it: gradients read all rows of what they
// differentiate. So a training net is pruned twice, its forward pass for what the loss
// does not read (a decoder's last block), from which the backward pass follows, and in
// the pipeline what has no gradient (a guide's last block).
//
// Preconditions: rows of (B, T, C) tensors; fewer of them than there are; the integers
// are made before the operators in question. Before gradients, nothing starts from an
// operator where they end, and Attention makes all rows: its gradient has no queries
// that are named.
//
// Does not apply to what the net puts out or keeps, nor where two readers want
// different rows.
//
// Equal within rounding: products of fewer rows may add in another order.
#ifndef GRAPH_PASSES_ROW_PRUNING_H_
#define GRAPH_PASSES_ROW_PRUNING_H_

#include "graph/passes/pass.h"

namespace graph {

class RowPruningPass : public Pass {
 public:
  enum class When { kBeforeGradients, kAfterGradients };

  explicit RowPruningPass(When when = When::kAfterGradients) : when_(when) {}
  absl::string_view name() const override { return "row_pruning"; }
  absl::StatusOr<bool> Run(Net* net, const SchemaRegistry& registry) const override;

 private:
  const When when_;
};

}  // namespace graph

#endif  // GRAPH_PASSES_ROW_PRUNING_H_

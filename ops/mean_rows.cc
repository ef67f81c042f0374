#include "ops/mean_rows.h"

#include "graph/base/status.h"
#include "graph/schema/gradient.h"
#include "ops/shapes.h"

namespace ops {
namespace {

absl::StatusOr<std::vector<graph::TensorType>> InferMeanRows(const graph::InferContext& c) {
  RETURN_IF_ERROR(graph::ExpectFloat(c, 0));
  RETURN_IF_ERROR(graph::ExpectRank(c, 0, 3));
  const graph::TensorType& x = c.in(0);
  RETURN_IF_ERROR(ExpectIntAtLeast(c, "count", 1));
  RETURN_IF_ERROR(ExpectRowRange(c, "x", c.op.Int("count"), x.dim(1)));
  return std::vector<graph::TensorType>{{WideDType(x.dtype), {x.dim(0), x.dim(2)}}};
}

absl::StatusOr<std::vector<graph::TensorType>> InferMeanRowsGrad(const graph::InferContext& c) {
  RETURN_IF_ERROR(graph::ExpectFloat(c, 0));
  RETURN_IF_ERROR(graph::ExpectRank(c, 0, 2));
  const int64_t rows = c.op.Int("rows");
  RETURN_IF_ERROR(ExpectIntAtLeast(c, "count", 1));
  RETURN_IF_ERROR(ExpectRowRange(c, "dy", c.op.Int("count"), rows));
  return std::vector<graph::TensorType>{{c.in(0).dtype, {c.in(0).dim(0), rows, c.in(0).dim(1)}}};
}

absl::Status MeanRowsGradient(graph::GradientBuilder* g) {
  g->SetGrad(0, g->Op("MeanRowsGrad", {g->GradOut(0)},
                      {{"start", g->forward().Int("start")},
                       {"count", g->forward().Int("count")},
                       {"rows", g->InType(0).dim(1)}}));
  return absl::OkStatus();
}

}  // namespace

// No Schema::ReadsRows: row_pruning would save one row of a sequence, the class token's, for a copy
// of all the others.
void RegisterMeanRows(graph::SchemaRegistry* registry) {
  registry->Add(graph::Schema("MeanRows", "y = the mean of x[:, start : start + count]")
                    .Input("x", "(B, T, C)", graph::RowUse::kAllRows)
                    .Output("y", "(B, C)")
                    .Attr("start", int64_t{0}, "first row of the mean")
                    .Attr("count", int64_t{1}, "number of rows of the mean")
                    .AnyPrecision({0})
                    .Infer(InferMeanRows)
                    .Cost([](const graph::Op& op, absl::Span<const graph::TensorType> in,
                             absl::Span<const graph::TensorType> out) {
                      const graph::TensorType read = {
                          in[0].dtype, {in[0].dim(0), op.Int("count"), in[0].dim(2)}};
                      return CostOf(static_cast<double>(read.elements()), {read}, out);
                    })
                    .Gradient(MeanRowsGradient));
  registry->Add(graph::Schema("MeanRowsGrad", "dx[:, start : start + count] = dy/count, else zero")
                    .Input("dy", "(B, C)", graph::RowUse::kAllRows)
                    .Output("dx", "(B, rows, C)")
                    .Attr("start", int64_t{0}, "first row of the mean")
                    .Attr("count", int64_t{1}, "number of rows of the mean")
                    .Attr("rows", int64_t{1}, "T, the rows of dx")
                    .Infer(InferMeanRowsGrad)
                    .ElementwiseCost(1)
                    .NotDifferentiable("second-order gradients are not supported"));
}

}  // namespace ops

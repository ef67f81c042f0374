#include "ops/gather_rows.h"

#include "graph/base/status.h"
#include "graph/schema/gradient.h"
#include "ops/shapes.h"

namespace ops {
namespace {

absl::Status ExpectRowsAndIds(const graph::InferContext& c) {
  RETURN_IF_ERROR(graph::ExpectFloat(c, 0));
  RETURN_IF_ERROR(graph::ExpectRank(c, 0, 3));
  RETURN_IF_ERROR(graph::ExpectDType(c, 1, graph::DType::kI32));
  RETURN_IF_ERROR(graph::ExpectRank(c, 1, 2));
  if (c.in(1).dim(0) != c.in(0).dim(0)) {
    return Reject(c, InputText(c, 1, "ids"), " must have the batch of ", InputText(c, 0, "x"));
  }
  return absl::OkStatus();
}

absl::StatusOr<std::vector<graph::TensorType>> InferGatherRows(const graph::InferContext& c) {
  RETURN_IF_ERROR(ExpectRowsAndIds(c));
  const graph::TensorType& x = c.in(0);
  return std::vector<graph::TensorType>{{x.dtype, {x.dim(0), c.in(1).dim(1), x.dim(2)}}};
}

absl::StatusOr<std::vector<graph::TensorType>> InferScatterRows(const graph::InferContext& c) {
  RETURN_IF_ERROR(ExpectRowsAndIds(c));
  RETURN_IF_ERROR(ExpectIntAtLeast(c, "rows", 1));
  const graph::TensorType& x = c.in(0);
  if (c.in(1).dim(1) != x.dim(1)) {
    return Reject(c, InputText(c, 1, "ids"), " must name one row for each row of ",
                  InputText(c, 0, "x"));
  }
  return std::vector<graph::TensorType>{{x.dtype, {x.dim(0), c.op.Int("rows"), x.dim(2)}}};
}

absl::Status GatherRowsGradient(graph::GradientBuilder* g) {
  g->SetGrad(0, g->Op("ScatterRows", {g->GradOut(0), g->In(1)}, {{"rows", g->InType(0).dim(1)}}));
  return absl::OkStatus();
}

absl::Status ScatterRowsGradient(graph::GradientBuilder* g) {
  g->SetGrad(0, g->Op("GatherRows", {g->GradOut(0), g->In(1)}));
  return absl::OkStatus();
}

}  // namespace

void RegisterGatherRows(graph::SchemaRegistry* registry) {
  registry->Add(graph::Schema("GatherRows", "y[b, i] = x[b, ids[b, i]]")
                    .Input("x", "(B, L, D)", graph::RowUse::kAllRows)
                    .Input("ids", "(B, V)", graph::RowUse::kNone)
                    .Output("y", "(B, V, D)")
                    .Infer(InferGatherRows)
                    .Cost([](const graph::Op&, absl::Span<const graph::TensorType> in,
                             absl::Span<const graph::TensorType> out) {
                      // Reads only the named rows of x.
                      return CostOf(0, {out[0], in[1]}, out);
                    })
                    .Gradient(GatherRowsGradient));
  registry->Add(graph::Schema("ScatterRows", "y[b, ids[b, i]] += x[b, i], from zeros")
                    .Input("x", "(B, V, D)", graph::RowUse::kAllRows)
                    .Input("ids", "(B, V)", graph::RowUse::kNone)
                    .Output("y", "(B, L, D)")
                    .Attr("rows", int64_t{1}, "L")
                    .Infer(InferScatterRows)
                    .Cost(InputCost(1))
                    .Gradient(ScatterRowsGradient));
}

}  // namespace ops

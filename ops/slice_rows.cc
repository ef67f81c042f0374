#include "ops/slice_rows.h"

#include "graph/base/status.h"
#include "graph/schema/gradient.h"
#include "ops/shapes.h"

namespace ops {
namespace {

absl::StatusOr<std::vector<graph::TensorType>> InferSliceRows(const graph::InferContext& c) {
  RETURN_IF_ERROR(graph::ExpectFloat(c, 0));
  RETURN_IF_ERROR(graph::ExpectRank(c, 0, 3));
  RETURN_IF_ERROR(ExpectIntAtLeast(c, "count", 1));
  const graph::TensorType& x = c.in(0);
  RETURN_IF_ERROR(ExpectRowRange(c, "x", c.op.Int("count"), x.dim(1)));
  return std::vector<graph::TensorType>{{x.dtype, {x.dim(0), c.op.Int("count"), x.dim(2)}}};
}

absl::StatusOr<std::vector<graph::TensorType>> InferPadRows(const graph::InferContext& c) {
  RETURN_IF_ERROR(graph::ExpectFloat(c, 0));
  RETURN_IF_ERROR(graph::ExpectRank(c, 0, 3));
  RETURN_IF_ERROR(ExpectIntAtLeast(c, "rows", 1));
  const graph::TensorType& x = c.in(0);
  RETURN_IF_ERROR(ExpectRowRange(c, "x", x.dim(1), c.op.Int("rows")));
  return std::vector<graph::TensorType>{{x.dtype, {x.dim(0), c.op.Int("rows"), x.dim(2)}}};
}

absl::Status SliceRowsGradient(graph::GradientBuilder* g) {
  g->SetGrad(0, g->Op("PadRows", {g->GradOut(0)},
                      {{"start", g->forward().Int("start")}, {"rows", g->InType(0).dim(1)}}));
  return absl::OkStatus();
}

absl::Status PadRowsGradient(graph::GradientBuilder* g) {
  g->SetGrad(0, g->Op("SliceRows", {g->GradOut(0)},
                      {{"start", g->forward().Int("start")}, {"count", g->InType(0).dim(1)}}));
  return absl::OkStatus();
}

}  // namespace

void RegisterSliceRows(graph::SchemaRegistry* registry) {
  registry->Add(graph::Schema("SliceRows", "y = x[:, start : start + count]")
                    .Input("x", "(B, T, C)", graph::RowUse::kAllRows)
                    .Output("y", "(B, count, C)")
                    .Attr("start", int64_t{0}, "first row")
                    .Attr("count", int64_t{1}, "number of rows")
                    .Infer(InferSliceRows)
                    .Cost([](const graph::Op&, absl::Span<const graph::TensorType>,
                             absl::Span<const graph::TensorType> out) {
                      return CostOf(0, out, out);  // only these rows are read
                    })
                    .Gradient(SliceRowsGradient));
  registry->Add(graph::Schema("PadRows", "y[:, start : start + count] = x, zero elsewhere")
                    .Input("x", "(B, count, C)", graph::RowUse::kAllRows)
                    .Output("y", "(B, rows, C)")
                    .Attr("start", int64_t{0}, "where the rows of x begin in y")
                    .Attr("rows", int64_t{1}, "number of rows of y")
                    .Infer(InferPadRows)
                    .ElementwiseCost(0)
                    .Gradient(PadRowsGradient));
}

}  // namespace ops

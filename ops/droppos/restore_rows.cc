#include "ops/droppos/restore_rows.h"

#include <vector>

#include "graph/base/status.h"
#include "graph/schema/gradient.h"
#include "ops/shapes.h"

namespace ops::droppos {
namespace {

using graph::DType;
using graph::RowUse;
using graph::TensorType;

// Checks inputs `ids` (B, V) and `mask` (B, L), V <= L, and that input 0 has `prefix` rows and
// then one for each column of input `in_image`, ids or mask.
absl::Status ExpectIdsAndMask(const graph::InferContext& c, int ids, int mask, int in_image) {
  const TensorType& x = c.in(0);
  RETURN_IF_ERROR(graph::ExpectDType(c, ids, DType::kI32));
  RETURN_IF_ERROR(graph::ExpectRank(c, ids, 2));
  RETURN_IF_ERROR(graph::ExpectShape(c, ids, {x.dim(0), c.in(ids).dim(1)}));
  RETURN_IF_ERROR(graph::ExpectDType(c, mask, DType::kU8));
  RETURN_IF_ERROR(graph::ExpectRank(c, mask, 2));
  RETURN_IF_ERROR(graph::ExpectShape(c, mask, {x.dim(0), c.in(mask).dim(1)}));
  RETURN_IF_ERROR(ExpectIntAtLeast(c, "prefix", 0));
  if (c.in(ids).dim(1) > c.in(mask).dim(1)) {
    return Reject(c, InputText(c, ids, "ids_keep"), " names more rows than the patches of ",
                  InputText(c, mask, "mask"));
  }
  const int64_t rows = c.in(in_image).dim(1), prefix = c.op.Int("prefix");
  if (x.dim(1) - rows != prefix) {
    return Reject(c, InputText(c, 0, c.inputs.size() == 4 ? "x" : "dy"),
                  " must have prefix=", prefix, " and ", rows, " rows, those of ",
                  InputText(c, in_image, in_image == ids ? "ids_keep" : "mask"));
  }
  return absl::OkStatus();
}

absl::StatusOr<std::vector<TensorType>> InferRestoreRows(const graph::InferContext& c) {
  RETURN_IF_ERROR(graph::ExpectRank(c, 0, 3));
  RETURN_IF_ERROR(graph::ExpectFloat(c, 0));
  RETURN_IF_ERROR(graph::ExpectSameDType(c, 1, 0));
  const TensorType& x = c.in(0);
  if (c.in(1).elements() != x.dim(2)) {
    return Reject(c, InputText(c, 1, "mask_token"), " must have ", x.dim(2),
                  " elements, the width of ", InputText(c, 0, "x"));
  }
  RETURN_IF_ERROR(ExpectIdsAndMask(c, 2, 3, 2));
  return std::vector<TensorType>{
      {x.dtype, {x.dim(0), c.op.Int("prefix") + c.in(3).dim(1), x.dim(2)}}};
}

absl::Status RestoreRowsGradient(graph::GradientBuilder* g) {
  const std::vector<graph::BlobId> grads =
      g->OpN("RestoreRowsGrad", {g->GradOut(0), g->In(2), g->In(3)},
             {{"prefix", g->forward().Int("prefix")}, {"shape", ShapeAttr(g->InType(1))}});
  g->SetGrad(0, grads[0]);
  g->SetGrad(1, grads[1]);
  return absl::OkStatus();
}

absl::StatusOr<std::vector<TensorType>> InferRestoreRowsGrad(const graph::InferContext& c) {
  RETURN_IF_ERROR(graph::ExpectRank(c, 0, 3));
  RETURN_IF_ERROR(graph::ExpectFloat(c, 0));
  RETURN_IF_ERROR(ExpectIdsAndMask(c, 1, 2, 2));
  ASSIGN_OR_RETURN(const graph::Shape shape, ExpectShapeAttr(c));
  const TensorType& dy = c.in(0);
  if (graph::NumElements(shape) != dy.dim(2)) {
    return Reject(c, "shape=", graph::ShapeString(shape), " must have ", dy.dim(2),
                  " elements, the width of ", InputText(c, 0, "dy"));
  }
  return std::vector<TensorType>{
      {dy.dtype, {dy.dim(0), c.op.Int("prefix") + c.in(1).dim(1), dy.dim(2)}}, {dy.dtype, shape}};
}

}  // namespace

void RegisterRestoreRows(graph::SchemaRegistry* registry) {
  registry->Add(graph::Schema("RestoreRows", "all patches in place, mask tokens where hidden")
                    .Input("x", "(B, P+V, D)", RowUse::kAllRows)
                    .Input("mask_token", "(D) elements", RowUse::kAllRows)
                    .Input("ids_keep", "(B, V) i32", RowUse::kNone)
                    .Input("mask", "(B, L) u8, 1 = hidden", RowUse::kNone)
                    .Output("y", "(B, P+L, D)")
                    .Attr("prefix", int64_t{0}, "P, rows before the patches")
                    .Infer(InferRestoreRows)
                    .ElementwiseCost(0)
                    .Gradient(RestoreRowsGradient));
  registry->Add(graph::Schema("RestoreRowsGrad", "gradients of RestoreRows")
                    .Input("dy", "(B, P+L, D)", RowUse::kAllRows)
                    .Input("ids_keep", "(B, V) i32", RowUse::kNone)
                    .Input("mask", "(B, L) u8, 1 = hidden", RowUse::kNone)
                    .Output("dx", "(B, P+V, D)")
                    .Output("d_mask_token", "(shape)")
                    .Attr("prefix", int64_t{0}, "P, rows before the patches")
                    .Attr("shape", std::vector<int64_t>(), "shape of the mask token")
                    .Infer(InferRestoreRowsGrad)
                    .Cost(InputCost(1))
                    .NotDifferentiable("second derivatives are not supported"));
}

}  // namespace ops::droppos

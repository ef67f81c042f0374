#include "ops/prepend_token.h"

#include "graph/base/status.h"
#include "graph/schema/gradient.h"
#include "ops/shapes.h"

namespace ops {
namespace {

absl::StatusOr<std::vector<graph::TensorType>> InferPrependToken(const graph::InferContext& c) {
  RETURN_IF_ERROR(graph::ExpectFloat(c, 0));
  RETURN_IF_ERROR(graph::ExpectRank(c, 0, 3));
  RETURN_IF_ERROR(graph::ExpectSameDType(c, 1, 0));
  const graph::TensorType& x = c.in(0);
  if (c.in(1).cols() != x.cols() || c.in(1).rows() != 1) {
    return Reject(c, InputText(c, 1, "token"), " must be one row of ", x.cols(), " elements, as ",
                  InputText(c, 0, "x"), " has");
  }
  return std::vector<graph::TensorType>{{x.dtype, {x.dim(0), 1 + x.dim(1), x.dim(2)}}};
}

absl::Status PrependTokenGradient(graph::GradientBuilder* g) {
  const graph::BlobId dy = g->GradOut(0);
  if (g->NeedsGrad(0)) {
    g->SetGrad(
        0, g->Op("SliceRows", {dy}, {{"start", int64_t{1}}, {"count", g->InType(0).dim(1)}}, "x"));
  }
  if (g->NeedsGrad(1)) {
    const graph::BlobId first =
        g->Op("SliceRows", {dy}, {{"start", int64_t{0}}, {"count", int64_t{1}}}, "first");
    g->SetGrad(1, g->Op("SumToShape", {first}, {{"shape", ShapeAttr(g->InType(1))}}, "token"));
  }
  return absl::OkStatus();
}

}  // namespace

void RegisterPrependToken(graph::SchemaRegistry* registry) {
  registry->Add(graph::Schema("PrependToken", "a token before the rows of each image")
                    .Input("x", "(B, T, C)", graph::RowUse::kAllRows)
                    .Input("token", "(1, 1, C)", graph::RowUse::kAllRows)
                    .Output("y", "(B, 1 + T, C)")
                    .Infer(InferPrependToken)
                    .ElementwiseCost(0)
                    .Gradient(PrependTokenGradient));
}

}  // namespace ops

#include "ops/bias_add.h"

#include "graph/base/status.h"
#include "graph/schema/gradient.h"
#include "ops/shapes.h"

namespace ops {
namespace {

absl::StatusOr<std::vector<graph::TensorType>> InferBiasAdd(const graph::InferContext& c) {
  RETURN_IF_ERROR(graph::ExpectFloat(c, 0));
  RETURN_IF_ERROR(graph::ExpectSameDType(c, 1, 0));
  if (!IsSuffix(c.in(1).shape, c.in(0).shape)) {
    return Reject(c, InputText(c, 1, "b"), " is not a suffix of the shape of ",
                  InputText(c, 0, "x"));
  }
  return std::vector<graph::TensorType>{c.in(0)};
}

absl::Status BiasAddGradient(graph::GradientBuilder* g) {
  g->SetGrad(0, g->GradOut(0));
  if (g->NeedsGrad(1)) {
    g->SetGrad(1, g->Op("SumToShape", {g->GradOut(0)}, {{"shape", ShapeAttr(g->InType(1))}}));
  }
  return absl::OkStatus();
}

}  // namespace

void RegisterBiasAdd(graph::SchemaRegistry* registry) {
  registry->Add(graph::Schema("BiasAdd", "y = x + b, b repeated over leading dimensions")
                    .Input("x", "(..., S)", graph::RowUse::kSameRow)
                    .Input("b", "(S)", graph::RowUse::kAllRows)
                    .Output("y", "(..., S)")
                    .InPlace(0, 0)
                    .Infer(InferBiasAdd)
                    .ElementwiseCost(1)
                    .Gradient(BiasAddGradient));
}

}  // namespace ops

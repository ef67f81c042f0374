#include "ops/add.h"

#include "graph/base/status.h"
#include "graph/schema/gradient.h"
#include "ops/shapes.h"

namespace ops {
namespace {

absl::StatusOr<std::vector<graph::TensorType>> InferAdd(const graph::InferContext& c) {
  RETURN_IF_ERROR(graph::ExpectFloat(c, 0));
  RETURN_IF_ERROR(ExpectAnyPrecision(c, 1));
  RETURN_IF_ERROR(graph::ExpectShape(c, 1, c.in(0).shape));
  const bool same = c.in(0).dtype == c.in(1).dtype;
  return std::vector<graph::TensorType>{
      {same ? c.in(0).dtype : graph::DType::kF32, c.in(0).shape}};
}

absl::Status AddGradient(graph::GradientBuilder* g) {
  g->SetGrad(0, g->GradOut(0));
  g->SetGrad(1, g->GradOut(0));
  return absl::OkStatus();
}

}  // namespace

void RegisterAdd(graph::SchemaRegistry* registry) {
  registry->Add(graph::Schema("Add", "y = a + b")
                    .Input("a", "(...)", graph::RowUse::kSameRow)
                    .Input("b", "(...)", graph::RowUse::kSameRow)
                    .Output("y", "(...)")
                    .InPlace(0, 0)
                    .InPlace(1, 0)
                    .AnyPrecision({0, 1})
                    .Infer(InferAdd)
                    .ElementwiseCost(1)
                    .Gradient(AddGradient));
}

}  // namespace ops

#include "tests/plugin/ops.h"

#include "graph/base/status.h"
#include "graph/schema/gradient.h"

namespace plugin {
namespace {

absl::StatusOr<std::vector<graph::TensorType>> InferTanh(const graph::InferContext& c) {
  RETURN_IF_ERROR(graph::ExpectFloat(c, 0));
  return std::vector<graph::TensorType>{c.in(0)};
}

absl::StatusOr<std::vector<graph::TensorType>> InferTanhGrad(const graph::InferContext& c) {
  RETURN_IF_ERROR(graph::ExpectFloat(c, 0));
  RETURN_IF_ERROR(graph::ExpectSameType(c, 1, 0));
  return std::vector<graph::TensorType>{c.in(0)};
}

absl::Status TanhGradient(graph::GradientBuilder* g) {
  g->SetGrad(0, g->Op("TanhGrad", {g->Out(0), g->GradOut(0)}));
  return absl::OkStatus();
}

}  // namespace

void RegisterOps(graph::SchemaRegistry* registry) {
  registry->Add(graph::Schema("Tanh", "y = tanh(x)")
                    .Input("x", "(...)", graph::RowUse::kSameRow)
                    .Output("y", "(...)")
                    .InPlace(0, 0)
                    .Infer(InferTanh)
                    .ElementwiseCost(10)
                    .Gradient(TanhGradient));
  registry->Add(graph::Schema("TanhGrad", "dx = dy·(1 - y²)")
                    .Input("y", "(...)", graph::RowUse::kSameRow)
                    .Input("dy", "(...)", graph::RowUse::kSameRow)
                    .Output("dx", "(...)")
                    .InPlace(0, 0)
                    .InPlace(1, 0)
                    .Infer(InferTanhGrad)
                    .ElementwiseCost(3)
                    .NotDifferentiable("second-order gradients are not supported"));
}

}  // namespace plugin

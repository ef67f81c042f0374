#include "ops/gelu.h"

#include "graph/base/status.h"
#include "graph/schema/gradient.h"

namespace ops {
namespace {

// Of Gelu and GeluGrad.
absl::StatusOr<std::vector<graph::TensorType>> InferGelu(const graph::InferContext& c) {
  RETURN_IF_ERROR(graph::ExpectFloat(c, 0));
  if (c.inputs.size() > 1) RETURN_IF_ERROR(graph::ExpectSameType(c, 1, 0));
  return std::vector<graph::TensorType>{c.in(0)};
}

absl::Status GeluGradient(graph::GradientBuilder* g) {
  g->SetGrad(0, g->Op("GeluGrad", {g->In(0), g->GradOut(0)}));
  return absl::OkStatus();
}

}  // namespace

void RegisterGelu(graph::SchemaRegistry* registry) {
  registry->Add(graph::Schema("Gelu", "y = x·Φ(x), exact (erf)")
                    .Input("x", "(...)", graph::RowUse::kSameRow)
                    .Output("y", "(...)")
                    .InPlace(0, 0)
                    .LowPrecision({0}, {0})
                    .Infer(InferGelu)
                    .ElementwiseCost(10)
                    .Gradient(GeluGradient));
  registry->Add(graph::Schema("GeluGrad", "dx = dy·(Φ(x) + x·φ(x))")
                    .Input("x", "(...)", graph::RowUse::kSameRow)
                    .Input("dy", "(...)", graph::RowUse::kSameRow)
                    .Output("dx", "(...)")
                    .InPlace(1, 0)
                    .LowPrecision({0, 1}, {0})
                    .Infer(InferGelu)
                    .ElementwiseCost(15)
                    .NotDifferentiable("second-order gradients are not supported"));
}

}  // namespace ops

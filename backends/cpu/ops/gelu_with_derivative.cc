#include "backends/cpu/ops/gelu_with_derivative.h"

#include "graph/base/status.h"

namespace ops::cpu {
namespace {

absl::StatusOr<std::vector<graph::TensorType>> InferGeluWithDerivative(
    const graph::InferContext& c) {
  RETURN_IF_ERROR(graph::ExpectFloat(c, 0));
  return std::vector<graph::TensorType>(2, c.in(0));
}

}  // namespace

void RegisterGeluWithDerivative(graph::SchemaRegistry* registry) {
  registry->Add(graph::Schema("GeluWithDerivative", "y = x·Φ(x), d = Φ(x) + x·φ(x)")
                    .Input("x", "(...)", graph::RowUse::kSameRow)
                    .Output("y", "(...)")
                    .Output("d", "(...)")
                    .InPlace(0, 0)
                    .InPlace(0, 1)
                    .LowPrecision({0}, {0, 1})
                    .Infer(InferGeluWithDerivative)
                    .ElementwiseCost(20)
                    .NotDifferentiable("the gelu_derivative pass runs after the gradient is made"));
}

}  // namespace ops::cpu

#include "ops/grad_norm.h"

#include "graph/base/status.h"
#include "ops/shapes.h"

namespace ops {
namespace {

absl::StatusOr<std::vector<graph::TensorType>> InferGradNorm(const graph::InferContext& c) {
  RETURN_IF_ERROR(graph::ExpectFloat(c, 0));
  return std::vector<graph::TensorType>{{c.in(0).dtype, {1}}};
}

}  // namespace

void RegisterGradNorm(graph::SchemaRegistry* registry) {
  registry->Add(graph::Schema("GradNorm", "norm = sqrt(Σ g²)")
                    .Input("g", "(...)", graph::RowUse::kAllRows)
                    .Output("norm", "(1)")
                    .Infer(InferGradNorm)
                    .Cost([](const graph::Op&, absl::Span<const graph::TensorType> in,
                             absl::Span<const graph::TensorType> out) {
                      return CostOf(2 * in[0].elements(), in, out);
                    })
                    .NotDifferentiable("the norm only scales the optimizer's step"));
}

}  // namespace ops

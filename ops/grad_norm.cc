#include "ops/grad_norm.h"

#include "graph/base/status.h"
#include "ops/shapes.h"

namespace ops {
namespace {

absl::StatusOr<std::vector<graph::TensorType>> InferGradNorm(const graph::InferContext& c) {
  std::vector<graph::TensorType> norms;
  for (size_t i = 0; i < c.inputs.size(); ++i) {
    RETURN_IF_ERROR(graph::ExpectFloat(c, static_cast<int>(i)));
    norms.push_back({c.inputs[i].dtype, {1}});
  }
  return norms;
}

}  // namespace

void RegisterGradNorm(graph::SchemaRegistry* registry) {
  registry->Add(graph::Schema("GradNorm", "norm = sqrt(Σ g²), of each gradient")
                    .Input("g", "(...)", graph::RowUse::kAllRows)
                    .Output("norm", "(1)")
                    .ForEachTensor(1)
                    .Infer(InferGradNorm)
                    .Cost([](const graph::Op&, absl::Span<const graph::TensorType> in,
                             absl::Span<const graph::TensorType> out) {
                      double elements = 0;
                      for (const graph::TensorType& type : in) elements += type.elements();
                      return CostOf(2 * elements, in, out);
                    })
                    .NotDifferentiable("the norm only scales the optimizer's step"));
}

}  // namespace ops

#include "ops/add.h"

#include "graph/base/status.h"
#include "graph/schema/gradient.h"

namespace ops {
namespace {

absl::StatusOr<std::vector<graph::TensorType>> InferAdd(const graph::InferContext& c) {
  RETURN_IF_ERROR(graph::ExpectFloat(c, 0));
  RETURN_IF_ERROR(graph::ExpectSameType(c, 1, 0));
  return std::vector<graph::TensorType>{c.in(0)};
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
                    .Infer(InferAdd)
                    .ElementwiseCost(1)
                    .Gradient(AddGradient));
}

}  // namespace ops

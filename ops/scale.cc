#include "ops/scale.h"

#include <cmath>
#include <vector>

#include "graph/base/status.h"
#include "graph/schema/gradient.h"
#include "ops/shapes.h"

namespace ops {
namespace {

absl::StatusOr<std::vector<graph::TensorType>> InferScale(const graph::InferContext& c) {
  RETURN_IF_ERROR(graph::ExpectFloat(c, 0));
  const float value = c.op.Float("value");
  if (!std::isfinite(value)) {
    return Reject(c, "attribute 'value' is ", value, ", must be finite");
  }
  const int64_t index = c.op.Int("index");
  if (c.inputs.size() > 1) {
    RETURN_IF_ERROR(graph::ExpectSameDType(c, 1, 0));
    RETURN_IF_ERROR(graph::ExpectRank(c, 1, 1));
    if (index < 0 || index >= c.in(1).dim(0)) {
      return Reject(c, "attribute 'index' is ", index, ", outside ", InputText(c, 1, "factors"));
    }
  } else if (index != 0) {
    return Reject(c, "attribute 'index' is ", index, ", but there is no input 1 (factors)");
  }
  return std::vector<graph::TensorType>{c.in(0)};
}

absl::Status ScaleGradient(graph::GradientBuilder* g) {
  const graph::Op& op = g->forward();
  const bool has_factors = g->num_inputs() == 2;
  if (has_factors && g->NeedsGrad(1)) {
    return graph::InvalidArgument(op.Describe(),
                                  ": the factors have no gradient; put a StopGradient before them");
  }
  std::vector<graph::BlobId> inputs = {g->GradOut(0)};
  if (has_factors) inputs.push_back(g->In(1));
  g->SetGrad(0, g->Op("Scale", inputs, {{"value", op.Float("value")}, {"index", op.Int("index")}}));
  return absl::OkStatus();
}

}  // namespace

void RegisterScale(graph::SchemaRegistry* registry) {
  registry->Add(graph::Schema("Scale", "y = value * factors[index] * x")
                    .Input("x", "(...)", graph::RowUse::kSameRow)
                    .OptionalInput("factors", "(N)", graph::RowUse::kNone)
                    .Output("y", "(...)")
                    .OptionalAttr("value", 1.0f, "a factor of every element")
                    .OptionalAttr("index", int64_t{0}, "which of the factors")
                    .InPlace(0, 0)
                    .Infer(InferScale)
                    .ElementwiseCost(1)
                    .Gradient(ScaleGradient));
}

}  // namespace ops

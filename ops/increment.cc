#include "ops/increment.h"

#include "graph/base/status.h"
#include "ops/shapes.h"

namespace ops {
namespace {

absl::StatusOr<std::vector<graph::TensorType>> InferIncrement(const graph::InferContext& c) {
  RETURN_IF_ERROR(ExpectType(c, 0, {graph::DType::kI32, {1}}));
  RETURN_IF_ERROR(graph::ExpectSameType(c, 1, 0));
  return std::vector<graph::TensorType>{c.in(0)};
}

}  // namespace

void RegisterIncrement(graph::SchemaRegistry* registry) {
  registry->Add(graph::Schema("Increment", "y = x + applied, the step counter")
                    .Input("x", "(1)", graph::RowUse::kNone)
                    .Input("applied", "(1)", graph::RowUse::kNone)
                    .Output("y", "(1)")
                    .InPlace(0, 0)
                    .Infer(InferIncrement)
                    .ElementwiseCost(1)
                    .NoGradient("a counter has no gradient"));
}

}  // namespace ops

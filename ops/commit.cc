#include "ops/commit.h"

#include "graph/base/status.h"
#include "ops/shapes.h"

namespace ops {
namespace {

absl::StatusOr<std::vector<graph::TensorType>> InferCommit(const graph::InferContext& c) {
  RETURN_IF_ERROR(ExpectType(c, 0, {graph::DType::kI32, {1}}));
  RETURN_IF_ERROR(graph::ExpectFloat(c, 1));
  RETURN_IF_ERROR(graph::ExpectSameType(c, 2, 1));
  return std::vector<graph::TensorType>{c.in(1)};
}

}  // namespace

void RegisterCommit(graph::SchemaRegistry* registry) {
  registry->Add(graph::Schema("Commit", "a state's new value, if the step is applied")
                    .Input("applied", "(1)", graph::RowUse::kNone)
                    .Input("before", "(...)", graph::RowUse::kAllRows)
                    .Input("after", "(...)", graph::RowUse::kAllRows)
                    .Output("y", "(...)")
                    .InPlace(1, 0)
                    .Infer(InferCommit)
                    .ElementwiseCost(0)
                    .NoGradient("it is no part of the loss"));
}

}  // namespace ops

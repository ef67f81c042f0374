#include "ops/commit.h"

#include "graph/base/status.h"
#include "ops/shapes.h"

namespace ops {
namespace {

using Args = CommitArgs;

absl::StatusOr<std::vector<graph::TensorType>> InferCommit(const graph::InferContext& c) {
  RETURN_IF_ERROR(ExpectType(c, Args::kApplied, {graph::DType::kI32, {1}}));
  RETURN_IF_ERROR(graph::ExpectFloat(c, Args::kBefore));
  RETURN_IF_ERROR(graph::ExpectSameType(c, Args::kAfter, Args::kBefore));
  return std::vector<graph::TensorType>{c.in(Args::kBefore)};
}

}  // namespace

void RegisterCommit(graph::SchemaRegistry* registry) {
  registry->Add(graph::Schema("Commit", "a state's new value, if the step is applied")
                    .Input("applied", "(1)", graph::RowUse::kNone)
                    .Input("before", "(...)", graph::RowUse::kAllRows)
                    .Input("after", "(...)", graph::RowUse::kAllRows)
                    .Output("y", "(...)")
                    .InPlace(Args::kBefore, 0)
                    .Infer(InferCommit)
                    .ElementwiseCost(0)
                    .NoGradient("it is no part of the loss"));
}

}  // namespace ops

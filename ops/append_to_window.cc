#include "ops/append_to_window.h"

#include "graph/base/status.h"
#include "ops/shapes.h"

namespace ops {
namespace {

absl::StatusOr<std::vector<graph::TensorType>> InferAppendToWindow(const graph::InferContext& c) {
  RETURN_IF_ERROR(graph::ExpectFloat(c, 0));
  RETURN_IF_ERROR(graph::ExpectRank(c, 0, 1));
  RETURN_IF_ERROR(graph::ExpectSameDType(c, 1, 0));
  RETURN_IF_ERROR(ExpectScalar(c, 1));
  return std::vector<graph::TensorType>{c.in(0)};
}

}  // namespace

void RegisterAppendToWindow(graph::SchemaRegistry* registry) {
  registry->Add(graph::Schema("AppendToWindow", "the last n values of a number")
                    .Input("window", "(n)", graph::RowUse::kNone)
                    .Input("value", "(1)", graph::RowUse::kNone)
                    .Output("y", "(n)")
                    .InPlace(0, 0)
                    .Infer(InferAppendToWindow)
                    .ElementwiseCost(0)
                    .NoGradient("it keeps what has been"));
}

}  // namespace ops

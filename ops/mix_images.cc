#include "ops/mix_images.h"

#include "graph/base/status.h"
#include "ops/shapes.h"

namespace ops {
namespace {

absl::StatusOr<std::vector<graph::TensorType>> InferMixImages(const graph::InferContext& c) {
  RETURN_IF_ERROR(graph::ExpectFloat(c, 0));
  RETURN_IF_ERROR(graph::ExpectRank(c, 0, 4));
  RETURN_IF_ERROR(graph::ExpectDType(c, 1, graph::DType::kI32));
  RETURN_IF_ERROR(graph::ExpectRank(c, 1, 1));
  RETURN_IF_ERROR(ExpectEvenGroups(c, 1, c.in(0).dim(0)));
  const int64_t groups = c.in(1).dim(0);
  RETURN_IF_ERROR(ExpectType(c, 2, {c.in(0).dtype, {groups}}));
  RETURN_IF_ERROR(ExpectType(c, 3, {graph::DType::kI32, {groups, 4}}));
  return std::vector<graph::TensorType>{c.in(0)};
}

}  // namespace

void RegisterMixImages(graph::SchemaRegistry* registry) {
  registry->Add(graph::Schema("MixImages", "mixup or cutmix with the mirrored image of a group")
                    .Input("images", "(B, C, H, W)", graph::RowUse::kAllRows)
                    .Input("mode", "(G)", graph::RowUse::kNone)
                    .Input("lam", "(G)", graph::RowUse::kNone)
                    .Input("box", "(G, 4)", graph::RowUse::kNone)
                    .Output("y", "(B, C, H, W)")
                    .Infer(InferMixImages)
                    .ElementwiseCost(3)
                    .NotDifferentiable("images are data"));
}

}  // namespace ops

#include "ops/scale_images.h"

#include <string>
#include <vector>

#include "graph/base/status.h"
#include "graph/schema/gradient.h"
#include "ops/shapes.h"

namespace ops {
namespace {

absl::StatusOr<std::vector<graph::TensorType>> InferScaleImages(const graph::InferContext& c) {
  RETURN_IF_ERROR(graph::ExpectFloat(c, 0));
  RETURN_IF_ERROR(graph::ExpectMinRank(c, 0, 1));
  RETURN_IF_ERROR(ExpectImageScales(c, 1));
  ASSIGN_OR_RETURN(const graph::DType dtype, OutputDType(c));
  return std::vector<graph::TensorType>{{dtype, c.in(0).shape}};
}

absl::Status ScaleImagesGradient(graph::GradientBuilder* g) {
  if (g->NeedsGrad(1)) {
    return graph::InvalidArgument(g->forward().Describe(),
                                  ": the scales have no gradient; put a StopGradient before them");
  }
  const std::string dtype(graph::DTypeName(g->InType(0).dtype));
  g->SetGrad(0, g->Op("ScaleImages", {g->GradOut(0), g->In(1)},
                      {{"index", g->forward().Int("index")}, {"dtype", dtype}}));
  return absl::OkStatus();
}

}  // namespace

void RegisterScaleImages(graph::SchemaRegistry* registry) {
  registry->Add(
      graph::Schema("ScaleImages", "y[b] = scales[index, b] * x[b]")
          .Input("x", "(B, ...)", graph::RowUse::kSameRow)
          .Input("scales", "(N, B) or (B)", graph::RowUse::kNone)
          .Output("y", "(B, ...)")
          .OptionalAttr("index", int64_t{0}, "which row of the scales")
          .OptionalAttr("dtype", std::string("same"), "element type of y: same as x, f32, bf16")
          .LowPrecision({}, {0})
          .AnyPrecision({0})
          .InPlace(0, 0)
          .Infer(InferScaleImages)
          .ElementwiseCost(1)
          .Gradient(ScaleImagesGradient));
}

}  // namespace ops

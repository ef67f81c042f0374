#include "ops/add_layer_norm.h"

#include "graph/base/status.h"
#include "graph/schema/gradient.h"
#include "ops/shapes.h"

namespace ops {
namespace {

absl::StatusOr<std::vector<graph::TensorType>> InferAddLayerNorm(const graph::InferContext& c) {
  RETURN_IF_ERROR(graph::ExpectFloat(c, 0));
  RETURN_IF_ERROR(graph::ExpectMinRank(c, 0, 1));
  RETURN_IF_ERROR(ExpectAnyPrecision(c, 1));
  RETURN_IF_ERROR(graph::ExpectShape(c, 1, c.in(0).shape));
  const graph::DType wide = WideDType(c.in(0).dtype);
  for (int i : {2, 3}) RETURN_IF_ERROR(ExpectType(c, i, {wide, {c.in(0).cols()}}));
  if (c.inputs.size() > 4) {
    RETURN_IF_ERROR(graph::ExpectMinRank(c, 0, 2));
    RETURN_IF_ERROR(ExpectImageScales(c, 4));
  }
  RETURN_IF_ERROR(ExpectEps(c));
  ASSIGN_OR_RETURN(const graph::DType dtype, OutputDType(c));
  const graph::Shape& shape = c.in(0).shape;
  const graph::TensorType statistics{wide, LeadingShape(c.in(0))};
  return std::vector<graph::TensorType>{{wide, shape}, {dtype, shape}, statistics, statistics};
}

absl::Status AddLayerNormGradient(graph::GradientBuilder* g) {
  const bool scaled = g->num_inputs() > 4;
  if (scaled && g->NeedsGrad(4)) {
    return graph::InvalidArgument(g->forward().Describe(),
                                  ": the scales have no gradient; put a StopGradient before them");
  }
  if (g->GradOut(2) != graph::kNone || g->GradOut(3) != graph::kNone) {
    return graph::InvalidArgument(g->forward().Describe(), ": mean and variance have no gradient");
  }
  graph::BlobId dsum = g->GradOut(0);
  if (g->GradOut(1) != graph::kNone) {
    const std::vector<graph::BlobId> grads =
        g->OpN("LayerNormGrad", {g->Out(0), g->In(2), g->Out(2), g->Out(3), g->GradOut(1)},
               {{"eps", g->forward().Float("eps")}}, "norm");
    dsum = dsum == graph::kNone ? grads[0] : g->Op("Add", {grads[0], dsum}, {}, "sum");
    g->SetGrad(2, grads[1]);
    g->SetGrad(3, grads[2]);
  }
  g->SetGrad(0, dsum);
  g->SetGrad(1, scaled ? g->Op("ScaleImages", {dsum, g->In(4)},
                               {{"index", g->forward().Int("index")}}, "scale")
                       : dsum);
  return absl::OkStatus();
}

}  // namespace

void RegisterAddLayerNorm(graph::SchemaRegistry* registry) {
  registry->Add(
      graph::Schema("AddLayerNorm", "sum = a + scales[index] * b; y = LayerNorm(sum)")
          .Input("a", "(..., C)", graph::RowUse::kSameRow)
          .Input("b", "(..., C)", graph::RowUse::kSameRow)
          .Input("gamma", "(C)", graph::RowUse::kAllRows)
          .Input("beta", "(C)", graph::RowUse::kAllRows)
          .OptionalInput("scales", "(N, B) or (B)", graph::RowUse::kNone)
          .Output("sum", "(..., C)")
          .Output("y", "(..., C)")
          .Output("mean", "(...)")
          .Output("variance", "(...)")
          .Attr("eps", 1e-6f, "added to the variance")
          .OptionalAttr("dtype", std::string("same"), "element type of y: same as a, f32, bf16")
          .AttrOfInput(4, "index", int64_t{0}, "which row of the scales")
          .LowPrecision({}, {1})
          .AnyPrecision({0, 1})
          .InPlace(0, 0)
          .InPlace(1, 0)
          .Infer(InferAddLayerNorm)
          .ElementwiseCost(9)
          .Gradient(AddLayerNormGradient));
}

}  // namespace ops

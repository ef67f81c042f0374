#include "ops/cast.h"

#include "graph/base/status.h"
#include "graph/schema/gradient.h"
#include "ops/shapes.h"

namespace ops {
namespace {

absl::StatusOr<std::vector<graph::TensorType>> InferCast(const graph::InferContext& c) {
  RETURN_IF_ERROR(graph::ExpectFloat(c, 0));
  if (c.op.Str("dtype") == "same") {
    return Reject(c, "attribute 'dtype' is 'same', must be f32 or bf16");
  }
  ASSIGN_OR_RETURN(const graph::DType dtype, OutputDType(c));
  return std::vector<graph::TensorType>{{dtype, c.in(0).shape}};
}

absl::Status CastGradient(graph::GradientBuilder* g) {
  const std::string dtype(graph::DTypeName(g->InType(0).dtype));
  g->SetGrad(0, g->Op("Cast", {g->GradOut(0)}, {{"dtype", dtype}}));
  return absl::OkStatus();
}

}  // namespace

void RegisterCast(graph::SchemaRegistry* registry) {
  registry->Add(graph::Schema("Cast", "y = x in another element type")
                    .Input("x", "(...)", graph::RowUse::kSameRow)
                    .Output("y", "(...)")
                    .Attr("dtype", std::string(), "element type of y: f32 or bf16")
                    .AnyPrecision({0})
                    .Infer(InferCast)
                    .ElementwiseCost(1)
                    .Gradient(CastGradient));
}

}  // namespace ops

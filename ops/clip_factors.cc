#include "ops/clip_factors.h"

#include <cmath>

#include "graph/base/status.h"
#include "ops/shapes.h"

namespace ops {
namespace {

absl::StatusOr<std::vector<graph::TensorType>> InferClipFactors(const graph::InferContext& c) {
  RETURN_IF_ERROR(graph::ExpectFloat(c, 0));
  RETURN_IF_ERROR(graph::ExpectRank(c, ClipFactorsArgs::kLosses, 1));
  const int inputs = static_cast<int>(c.inputs.size());
  for (int i = ClipFactorsArgs::kLimit; i < inputs; ++i) {
    RETURN_IF_ERROR(graph::ExpectSameDType(c, i, 0));
    RETURN_IF_ERROR(ExpectScalar(c, i));
  }
  const float max_norm = c.op.Float("max_norm");
  if (!(max_norm >= 0.0f) || std::isinf(max_norm)) {
    return Reject(c, "attribute 'max_norm' is ", max_norm,
                  ", must be a finite number of at least 0 (0: no clipping)");
  }
  const std::string& mode = c.op.Str("mode");
  if (mode != "parameter" && mode != "global") {
    return Reject(c, "attribute 'mode' is '", mode, "', must be parameter or global");
  }
  const graph::DType dtype = c.in(0).dtype;
  return std::vector<graph::TensorType>{{dtype, {inputs - ClipFactorsArgs::kFirstNorm}},
                                        {dtype, {1}},
                                        {graph::DType::kI32, {1}},
                                        {graph::DType::kI32, {1}}};
}

}  // namespace

void RegisterClipFactors(graph::SchemaRegistry* registry) {
  registry->Add(
      graph::Schema("ClipFactors", "whether a step updates, and factors that clip its gradients")
          .Input("losses", "(k)", graph::RowUse::kNone)
          .Input("limit", "(1)", graph::RowUse::kNone)
          .VariadicInput("norms", "(1)", graph::RowUse::kNone)
          .Output("factors", "(n)")
          .Output("global_norm", "(1)")
          .Output("clipped", "(1)")
          .Output("applied", "(1)")
          .Attr("max_norm", 0.0f, "largest norm; 0: no clipping")
          .Attr("mode", std::string("parameter"), "parameter or global")
          .Infer(InferClipFactors)
          .ElementwiseCost(5)
          .NotDifferentiable("the factors only scale the optimizer's step"));
}

}  // namespace ops

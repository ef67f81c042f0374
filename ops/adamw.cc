#include "ops/adamw.h"

#include <cmath>

#include "graph/base/status.h"
#include "ops/shapes.h"

namespace ops {
namespace {

absl::StatusOr<std::vector<graph::TensorType>> InferAdamW(const graph::InferContext& c) {
  RETURN_IF_ERROR(graph::ExpectFloat(c, 0));
  for (int i : {1, 2, 3}) RETURN_IF_ERROR(graph::ExpectSameType(c, i, 0));
  RETURN_IF_ERROR(graph::ExpectSameDType(c, 4, 0));
  RETURN_IF_ERROR(ExpectScalar(c, 4));
  RETURN_IF_ERROR(graph::ExpectSameDType(c, 5, 0));
  RETURN_IF_ERROR(graph::ExpectRank(c, 5, 1));
  RETURN_IF_ERROR(graph::ExpectDType(c, 6, graph::DType::kI32));
  RETURN_IF_ERROR(ExpectScalar(c, 6));
  for (const char* attr : {"beta1", "beta2"}) {
    const float beta = c.op.Float(attr);
    if (!(beta >= 0.0f && beta < 1.0f)) {
      return Reject(c, "attribute '", attr, "' is ", beta, ", must lie in [0, 1)");
    }
  }
  for (const char* attr : {"eps", "weight_decay"}) {
    const float value = c.op.Float(attr);
    if (!(value >= 0.0f) || std::isinf(value)) {
      return Reject(c, "attribute '", attr, "' is ", value, ", must be finite and at least 0");
    }
  }
  const int64_t index = c.op.Int("index");
  if (index < 0 || index >= c.in(5).elements()) {
    return Reject(c, "attribute 'index' is ", index, ", outside ", InputText(c, 5, "factors"));
  }
  return std::vector<graph::TensorType>(3, c.in(0));
}

}  // namespace

void RegisterAdamW(graph::SchemaRegistry* registry) {
  registry->Add(graph::Schema("AdamW", "one AdamW step of one parameter")
                    .Input("w", "(...)", graph::RowUse::kAllRows)
                    .Input("g", "(...)", graph::RowUse::kAllRows)
                    .Input("m", "(...)", graph::RowUse::kAllRows)
                    .Input("v", "(...)", graph::RowUse::kAllRows)
                    .Input("lr", "(1)", graph::RowUse::kNone)
                    .Input("factors", "(n)", graph::RowUse::kNone)
                    .Input("step", "(1)", graph::RowUse::kNone)
                    .Output("w_out", "(...)")
                    .Output("m_out", "(...)")
                    .Output("v_out", "(...)")
                    .Attr("beta1", 0.9f, "decay of the first moment")
                    .Attr("beta2", 0.95f, "decay of the second moment")
                    .Attr("eps", 1e-8f, "added to the root of the second moment")
                    .Attr("weight_decay", 0.05f, "decoupled decay, times lr")
                    .Attr("index", int64_t{0}, "this parameter's place in factors")
                    .InPlace(0, 0)
                    .InPlace(2, 1)
                    .InPlace(3, 2)
                    .Infer(InferAdamW)
                    .ElementwiseCost(16)
                    .NotDifferentiable("an optimizer step is not part of the loss"));
}

}  // namespace ops

#include "ops/adamw.h"

#include "graph/base/status.h"
#include "ops/shapes.h"

namespace ops {
namespace {

absl::StatusOr<std::vector<graph::TensorType>> InferAdamW(const graph::InferContext& c) {
  using Args = AdamWArgs;
  RETURN_IF_ERROR(graph::ExpectFloat(c, Args::kLr));
  RETURN_IF_ERROR(ExpectScalar(c, Args::kLr));
  RETURN_IF_ERROR(graph::ExpectSameDType(c, Args::kFactors, Args::kLr));
  RETURN_IF_ERROR(graph::ExpectRank(c, Args::kFactors, 1));
  RETURN_IF_ERROR(ExpectType(c, Args::kStep, {graph::DType::kI32, {1}}));
  const int n = Args::NumParameters(c.inputs.size());
  for (int i = 0; i < n; ++i) {
    const int w = Args::FirstIn(i);
    RETURN_IF_ERROR(graph::ExpectSameDType(c, w, Args::kLr));
    for (int k : {Args::kG, Args::kM, Args::kV}) {
      RETURN_IF_ERROR(graph::ExpectSameType(c, w + k, w));
    }
  }
  for (const char* attr : {"beta1", "beta2"}) {
    const float beta = c.op.Float(attr);
    if (!(beta >= 0.0f && beta < 1.0f)) {
      return Reject(c, "attribute '", attr, "' is ", beta, ", must lie in [0, 1)");
    }
  }
  RETURN_IF_ERROR(ExpectRates(c, "eps", {c.op.Float("eps")}));
  for (const char* attr : {"lr_scales", "weight_decays"}) {
    RETURN_IF_ERROR(ExpectOneEach(c, attr, c.op.Floats(attr).size(), n));
    RETURN_IF_ERROR(ExpectRates(c, attr, c.op.Floats(attr)));
  }
  RETURN_IF_ERROR(ExpectPlaces(c, Args::kFactors, "factors", n));
  std::vector<graph::TensorType> outputs;
  for (int i = 0; i < n; ++i) {
    outputs.insert(outputs.end(), Args::kNumOut, c.in(Args::FirstIn(i)));
  }
  return outputs;
}

}  // namespace

void RegisterAdamW(graph::SchemaRegistry* registry) {
  registry->Add(graph::Schema("AdamW", "one AdamW step of each parameter")
                    .Input("lr", "(1)", graph::RowUse::kNone)
                    .Input("factors", "(n)", graph::RowUse::kNone)
                    .Input("step", "(1)", graph::RowUse::kNone)
                    .Input("w", "(...)", graph::RowUse::kAllRows)
                    .Input("g", "(...)", graph::RowUse::kAllRows)
                    .Input("m", "(...)", graph::RowUse::kAllRows)
                    .Input("v", "(...)", graph::RowUse::kAllRows)
                    .Output("w_out", "(...)")
                    .Output("m_out", "(...)")
                    .Output("v_out", "(...)")
                    .Attr("beta1", 0.9f, "decay of the first moment")
                    .Attr("beta2", 0.95f, "decay of the second moment")
                    .Attr("eps", 1e-8f, "added to the root of the second moment")
                    .Attr("indices", std::vector<int64_t>(), "each parameter's place in factors")
                    .Attr("lr_scales", std::vector<float>(), "what each one's lr is times")
                    .Attr("weight_decays", std::vector<float>(), "each one's decoupled decay")
                    .ForEachTensor(AdamWArgs::kNumIn)
                    .InPlace(AdamWArgs::FirstIn(0) + AdamWArgs::kW, AdamWArgs::kNewW)
                    .InPlace(AdamWArgs::FirstIn(0) + AdamWArgs::kM, AdamWArgs::kNewM)
                    .InPlace(AdamWArgs::FirstIn(0) + AdamWArgs::kV, AdamWArgs::kNewV)
                    .Infer(InferAdamW)
                    .Cost([](const graph::Op&, absl::Span<const graph::TensorType> in,
                             absl::Span<const graph::TensorType> out) {
                      double elements = 0;
                      for (const graph::TensorType& type : out) elements += type.elements();
                      return CostOf(16 * elements / AdamWArgs::kNumOut, in, out);
                    })
                    .NotDifferentiable("an optimizer step is not part of the loss"));
}

}  // namespace ops

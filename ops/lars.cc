#include "ops/lars.h"

#include <cmath>

#include "graph/base/status.h"
#include "ops/shapes.h"

namespace ops {
namespace {

absl::StatusOr<std::vector<graph::TensorType>> InferLars(const graph::InferContext& c) {
  using Args = LarsArgs;
  RETURN_IF_ERROR(graph::ExpectFloat(c, Args::kLr));
  RETURN_IF_ERROR(ExpectScalar(c, Args::kLr));
  RETURN_IF_ERROR(graph::ExpectSameDType(c, Args::kFactors, Args::kLr));
  RETURN_IF_ERROR(graph::ExpectRank(c, Args::kFactors, 1));
  const int n = Args::NumParameters(c.inputs.size());
  for (int i = 0; i < n; ++i) {
    const int w = Args::FirstIn(i);
    RETURN_IF_ERROR(graph::ExpectSameDType(c, w, Args::kLr));
    for (int k : {Args::kG, Args::kM}) RETURN_IF_ERROR(graph::ExpectSameType(c, w + k, w));
  }
  const float momentum = c.op.Float("momentum");
  if (!(momentum >= 0.0f && momentum < 1.0f)) {
    return Reject(c, "attribute 'momentum' is ", momentum, ", must lie in [0, 1)");
  }
  RETURN_IF_ERROR(ExpectRates(c, "trust", {c.op.Float("trust")}));
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

void RegisterLars(graph::SchemaRegistry* registry) {
  registry->Add(graph::Schema("Lars", "one LARS step of each parameter")
                    .Input("lr", "(1)", graph::RowUse::kNone)
                    .Input("factors", "(n)", graph::RowUse::kNone)
                    .Input("w", "(...)", graph::RowUse::kAllRows)
                    .Input("g", "(...)", graph::RowUse::kAllRows)
                    .Input("m", "(...)", graph::RowUse::kAllRows)
                    .Output("w_out", "(...)")
                    .Output("m_out", "(...)")
                    .Attr("momentum", 0.9f, "decay of the momentum")
                    .Attr("trust", 0.001f, "a step of the gradient's direction, in norms of w")
                    .Attr("indices", std::vector<int64_t>(), "each parameter's place in factors")
                    .Attr("lr_scales", std::vector<float>(), "what each one's lr is times")
                    .Attr("weight_decays", std::vector<float>(), "each one's decay")
                    .ForEachTensor(LarsArgs::kNumIn)
                    .InPlace(LarsArgs::FirstIn(0) + LarsArgs::kW, LarsArgs::kNewW)
                    .InPlace(LarsArgs::FirstIn(0) + LarsArgs::kM, LarsArgs::kNewM)
                    .Infer(InferLars)
                    .Cost([](const graph::Op&, absl::Span<const graph::TensorType> in,
                             absl::Span<const graph::TensorType> out) {
                      double elements = 0;
                      for (const graph::TensorType& type : out) elements += type.elements();
                      return CostOf(13 * elements / LarsArgs::kNumOut, in, out);
                    })
                    .NotDifferentiable("an optimizer step is not part of the loss"));
}

}  // namespace ops

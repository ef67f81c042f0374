#include "backends/cpu/ops/pack_weights.h"

#include "graph/base/status.h"
#include "ops/shapes.h"

namespace ops::cpu {
namespace {

absl::StatusOr<std::vector<graph::TensorType>> InferPackWeights(const graph::InferContext& c) {
  RETURN_IF_ERROR(graph::ExpectFloat(c, 0));
  RETURN_IF_ERROR(graph::ExpectMinRank(c, 0, 2));
  RETURN_IF_ERROR(ExpectZeroOrOne(c, "trans_w"));
  ASSIGN_OR_RETURN(const graph::DType dtype, OutputDType(c));
  const graph::TensorType& w = c.in(0);
  const bool trans_w = c.op.Int("trans_w") != 0;
  const int64_t k = trans_w ? Rest(w.shape) : w.dim(0);
  const int64_t n = trans_w ? w.dim(0) : Rest(w.shape);
  const graph::Shape shape = PackedShape(k, n);
  if (!graph::IsValidShape(shape)) {
    return Reject(c, InputText(c, 0, "w"), " is too large to be padded to multiples of 64");
  }
  return std::vector<graph::TensorType>{{dtype, shape}};
}

}  // namespace

graph::Shape PackedShape(int64_t k, int64_t n) {
  const auto round_up = [](int64_t size) { return (size + 63) / 64 * 64; };
  return {round_up(k), round_up(n)};
}

void RegisterPackWeights(graph::SchemaRegistry* registry) {
  registry->Add(graph::Schema("PackWeights", "w as products of this backend like to read it")
                    .Input("w", "(N, K) or (K, N)", graph::RowUse::kAllRows)
                    .Output("packed", "(K, N), both rounded up to 64")
                    .Attr("trans_w", int64_t{1}, "of the products: 1: w is (N, K); 0: w is (K, N)")
                    .OptionalAttr("dtype", std::string("same"),
                                  "element type of packed: same as w, f32, bf16")
                    .Infer(InferPackWeights)
                    .ElementwiseCost(0)
                    .NotDifferentiable("weights are packed after differentiation"));
}

}  // namespace ops::cpu

#include "ops/drop_path_scales.h"

#include <string>
#include <vector>

#include "graph/base/status.h"
#include "ops/shapes.h"

namespace ops {
namespace {

absl::StatusOr<std::vector<graph::TensorType>> InferDropPathScales(const graph::InferContext& c) {
  RETURN_IF_ERROR(graph::ExpectDType(c, 0, graph::DType::kI64));
  RETURN_IF_ERROR(graph::ExpectRank(c, 0, 1));
  const std::vector<float>& rates = c.op.Floats("rates");
  for (size_t n = 0; n < rates.size(); ++n) {
    if (rates[n] >= 0.0f && rates[n] < 1.0f) continue;
    return Reject(c, "rate ", rates[n], " of branch ", n, " is outside [0, 1)");
  }
  const std::string& dtype = c.op.Str("dtype");
  if (dtype != "f32" && dtype != "f64") {
    return Reject(c, "attribute 'dtype' is '", dtype, "', must be f32 or f64");
  }
  return std::vector<graph::TensorType>{{dtype == "f32" ? graph::DType::kF32 : graph::DType::kF64,
                                         {static_cast<int64_t>(rates.size()), c.in(0).dim(0)}}};
}

}  // namespace

void RegisterDropPathScales(graph::SchemaRegistry* registry) {
  registry->Add(
      graph::Schema("DropPathScales", "0 where an image skips a branch, else 1 / (1 - rate)")
          .Input("keys", "(B) i64", graph::RowUse::kNone)
          .Output("scales", "(N, B)")
          .Attr("rates", std::vector<float>(), "for each branch, how many images skip it")
          .OptionalAttr("dtype", std::string("f32"), "element type of scales: f32 or f64")
          .Infer(InferDropPathScales)
          .ElementwiseCost(80)  // of which most are integer operations
          .NoGradient("scales are drawn, not computed"));
}

}  // namespace ops

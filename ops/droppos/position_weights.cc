#include "ops/droppos/position_weights.h"

#include <cmath>
#include <vector>

#include "ops/shapes.h"

namespace ops::droppos {
namespace {

using graph::DType;
using graph::RowUse;
using graph::TensorType;

// Attribute tau, and input 0.
absl::Status ExpectFeatures(const graph::InferContext& c) {
  const float tau = c.op.Float("tau");
  if (!(tau > 0) || !std::isfinite(tau)) {
    return Reject(c, "tau=", tau, " must be positive and finite");
  }
  RETURN_IF_ERROR(graph::ExpectRank(c, 0, 3));
  RETURN_IF_ERROR(graph::ExpectFloat(c, 0));
  if (c.in(0).dim(1) < 2) {
    return Reject(c, "features ", c.in(0).ToString(),
                  " must hold a class token and at least one patch per image");
  }
  return absl::OkStatus();
}

absl::StatusOr<std::vector<TensorType>> InferPositionWeights(const graph::InferContext& c) {
  RETURN_IF_ERROR(ExpectFeatures(c));
  RETURN_IF_ERROR(graph::ExpectRank(c, 1, 2));
  RETURN_IF_ERROR(graph::ExpectDType(c, 1, DType::kI32));
  const int64_t batch = c.in(0).dim(0), patches = c.in(0).dim(1) - 1;
  const int64_t visible = c.in(1).dim(1);
  RETURN_IF_ERROR(graph::ExpectShape(c, 1, {batch, visible}));
  if (visible < 1 || visible > patches) {
    return Reject(c, "ids_keep ", c.in(1).ToString(), " must name 1 to ", patches,
                  " patches per image");
  }
  return std::vector<TensorType>{{c.in(0).dtype, {batch, visible}},
                                 {c.in(0).dtype, {batch, patches}}};
}

absl::StatusOr<std::vector<TensorType>> InferGathered(const graph::InferContext& c) {
  RETURN_IF_ERROR(ExpectFeatures(c));
  return std::vector<TensorType>{{c.in(0).dtype, {c.in(0).dim(0), c.in(0).dim(1) - 1}}};
}

absl::StatusOr<std::vector<TensorType>> InferTokenRows(const graph::InferContext& c) {
  RETURN_IF_ERROR(graph::ExpectRank(c, 0, 2));
  RETURN_IF_ERROR(graph::ExpectDType(c, 0, DType::kI32));
  return std::vector<TensorType>{{DType::kI32, {c.in(0).dim(0), 1 + c.in(0).dim(1)}}};
}

// Of both: the last output has a number for each patch.
graph::Cost WeightsCost(const graph::Op&, absl::Span<const TensorType> in,
                        absl::Span<const TensorType> out) {
  return CostOf(4 * in[0].elements() + 10 * out.back().elements(), in, out);
}

constexpr char kNoGradient[] = "attentive reconstruction: no gradient flows through the guide";

}  // namespace

void RegisterPositionWeights(graph::SchemaRegistry* registry) {
  registry->Add(
      graph::Schema("PositionWeights",
                    "softmax of the patches' cosine to the class token, at the visible patches")
          .Input("features", "(B, 1+L, D)", RowUse::kAllRows)
          .Input("ids_keep", "(B, V) i32", RowUse::kNone)
          .Output("weights", "(B, V)")
          .Output("full", "(B, L)")
          .OptionalAttr("tau", 0.1f, "temperature of the softmax")
          .ReadsRows({0, 1, "TokenRows", "GatheredPositionWeights"})
          .Infer(InferPositionWeights)
          .Cost(WeightsCost)
          .NoGradient(kNoGradient));
  registry->Add(graph::Schema("GatheredPositionWeights",
                              "softmax of the visible patches' cosine to the class token")
                    .Input("features", "(B, 1+V, D)", RowUse::kAllRows)
                    .Output("weights", "(B, V)")
                    .OptionalAttr("tau", 0.1f, "temperature of the softmax")
                    .Infer(InferGathered)
                    .Cost(WeightsCost)
                    .NoGradient(kNoGradient));
  registry->Add(graph::Schema("TokenRows", "rows of the class token and of the visible patches")
                    .Input("ids_keep", "(B, V) i32", RowUse::kNone)
                    .Output("rows", "(B, 1+V) i32")
                    .Infer(InferTokenRows)
                    .ElementwiseCost(1)
                    .NoGradient("integers"));
}

}  // namespace ops::droppos

#include "ops/droppos/mask_sample.h"

#include <cmath>
#include <limits>
#include <vector>

#include "ops/shapes.h"

namespace ops::droppos {
namespace {

using graph::DType;
using graph::RowUse;
using graph::TensorType;

absl::Status CheckCounts(const graph::InferContext& c) {
  const int64_t patches = c.op.Int("num_patches");
  const int64_t visible = c.op.Int("num_visible");
  const int64_t kept = c.op.Int("num_pos_kept");
  if (patches < 1 || patches > std::numeric_limits<int32_t>::max()) {
    return Reject(c, "num_patches=", patches,
                  " is out of range; an image needs at least one patch");
  }
  if (visible < 1) {
    return Reject(c, "num_visible=", visible, " of num_patches=", patches,
                  " leaves nothing to see; lower the mask ratio");
  }
  if (visible > patches) {
    return Reject(c, "num_visible=", visible, " exceeds num_patches=", patches,
                  "; the mask ratio must not be negative");
  }
  if (kept < 0) {
    return Reject(c, "num_pos_kept=", kept,
                  " is negative; the position mask ratio must be at most 1");
  }
  if (kept >= visible) {
    return Reject(c, "num_pos_kept=", kept, " of num_visible=", visible, " (num_patches=", patches,
                  ") drops no position, so there is nothing to predict; raise the "
                  "position mask ratio or lower the mask ratio");
  }
  return absl::OkStatus();
}

absl::StatusOr<std::vector<TensorType>> InferMaskSample(const graph::InferContext& c) {
  RETURN_IF_ERROR(CheckCounts(c));
  const int64_t patches = c.op.Int("num_patches");
  const int64_t visible = c.op.Int("num_visible");
  const int64_t kept = c.op.Int("num_pos_kept");
  if (c.inputs.size() == 1) {
    RETURN_IF_ERROR(graph::ExpectDType(c, 0, DType::kI64));
    RETURN_IF_ERROR(graph::ExpectRank(c, 0, 1));
  } else {
    RETURN_IF_ERROR(graph::ExpectRank(c, 0, 2));
    RETURN_IF_ERROR(graph::ExpectFloat(c, 0));
    const int64_t batch = c.in(0).dim(0);
    RETURN_IF_ERROR(graph::ExpectShape(c, 0, {batch, patches}));
    RETURN_IF_ERROR(graph::ExpectShape(c, 1, {batch, visible}));
    RETURN_IF_ERROR(graph::ExpectSameDType(c, 1, 0));
  }
  const int64_t batch = c.in(0).dim(0);
  return std::vector<TensorType>{
      {DType::kI32, {batch, visible}},        {DType::kU8, {batch, patches}},
      {DType::kI32, {batch, patches}},        {DType::kU8, {batch, visible}},
      {DType::kI32, {batch, visible - kept}},
  };
}

// Two comparison sorts; integer operations are counted.
graph::Cost CostOfMaskSample(const graph::Op& op, absl::Span<const TensorType> inputs,
                             absl::Span<const TensorType> outputs) {
  const double patches = static_cast<double>(op.Int("num_patches"));
  const double visible = static_cast<double>(op.Int("num_visible"));
  const double flops =
      inputs[0].dim(0) * (patches * std::log2(patches + 1) + visible * std::log2(visible + 1));
  return CostOf(static_cast<int64_t>(flops), inputs, outputs);
}

}  // namespace

void RegisterMaskSample(graph::SchemaRegistry* registry) {
  registry->Add(graph::Schema("MaskSample",
                              "which patches are visible, and which of them lose their position")
                    .Input("keys", "(B) i64 keys, or (B, L) noise for the patches", RowUse::kNone)
                    .OptionalInput("noise_pos", "(B, V) noise for the positions", RowUse::kNone)
                    .Output("ids_keep", "(B, V) i32")
                    .Output("mask", "(B, L) u8, 1 = hidden")
                    .Output("ids_restore", "(B, L) i32")
                    .Output("mask_pos", "(B, V) u8, 1 = dropped")
                    .Output("ids_dropped", "(B, V-K) i32")
                    .Attr("num_patches", int64_t{0}, "L, patches of an image")
                    .Attr("num_visible", int64_t{0}, "V, visible patches")
                    .Attr("num_pos_kept", int64_t{0}, "K, visible patches that keep their position")
                    .Infer(InferMaskSample)
                    .Cost(CostOfMaskSample)
                    .NoGradient("masks are drawn, not computed"));
}

}  // namespace ops::droppos

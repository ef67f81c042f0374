#include "ops/droppos/smoothed_position_ce.h"

#include <vector>

#include "graph/schema/gradient.h"
#include "ops/shapes.h"

namespace ops::droppos {
namespace {

using graph::DType;
using graph::InvalidArgument;
using graph::RowUse;
using graph::TensorType;
using Args = SmoothedPositionCEArgs;
using GradArgs = SmoothedPositionCEGradArgs;

// What both operators check; `weights` is the position of the optional input.
absl::Status CheckInputs(const graph::InferContext& c, int weights) {
  const int64_t grid_h = c.op.Int("grid_h"), grid_w = c.op.Int("grid_w");
  if (grid_h < 1 || grid_w < 1 || grid_h > 65536 || grid_w > 65536) {
    return Reject(c, "grid_h=", grid_h, ", grid_w=", grid_w, " must be between 1 and 65536");
  }
  RETURN_IF_ERROR(graph::ExpectRank(c, Args::kLogits, 3));
  RETURN_IF_ERROR(graph::ExpectFloat(c, Args::kLogits));
  const TensorType& logits = c.in(Args::kLogits);
  if (logits.dim(2) != grid_h * grid_w) {
    return Reject(c, "logits ", logits.ToString(), " name ", logits.dim(2),
                  " cells, but grid_h=", grid_h, " x grid_w=", grid_w, " makes ", grid_h * grid_w);
  }
  const int64_t batch = logits.dim(0), visible = logits.dim(1);
  RETURN_IF_ERROR(graph::ExpectDType(c, Args::kIdsKeep, DType::kI32));
  RETURN_IF_ERROR(graph::ExpectShape(c, Args::kIdsKeep, {batch, visible}));
  RETURN_IF_ERROR(graph::ExpectDType(c, Args::kMaskPos, DType::kU8));
  RETURN_IF_ERROR(graph::ExpectShape(c, Args::kMaskPos, {batch, visible}));
  RETURN_IF_ERROR(graph::ExpectSameDType(c, Args::kSigma, Args::kLogits));
  RETURN_IF_ERROR(graph::ExpectShape(c, Args::kSigma, {1}));
  if (static_cast<int>(c.inputs.size()) > weights) {
    RETURN_IF_ERROR(graph::ExpectSameDType(c, weights, Args::kLogits));
    RETURN_IF_ERROR(graph::ExpectShape(c, weights, {batch, visible}));
  }
  return absl::OkStatus();
}

absl::StatusOr<std::vector<TensorType>> InferForward(const graph::InferContext& c) {
  RETURN_IF_ERROR(CheckInputs(c, Args::kWeights));
  const DType dtype = c.in(Args::kLogits).dtype;
  const int64_t batch = c.in(Args::kLogits).dim(0);
  return std::vector<TensorType>{
      {dtype, {1}}, {dtype, {1}}, {dtype, {1}}, {DType::kI32, {batch}}, {DType::kI32, {batch}}};
}

absl::StatusOr<std::vector<TensorType>> InferGrad(const graph::InferContext& c) {
  RETURN_IF_ERROR(CheckInputs(c, GradArgs::kWeights));
  RETURN_IF_ERROR(graph::ExpectSameDType(c, GradArgs::kDLoss, GradArgs::kLogits));
  RETURN_IF_ERROR(graph::ExpectShape(c, GradArgs::kDLoss, {1}));
  return std::vector<TensorType>{c.in(GradArgs::kLogits)};
}

absl::Status MakeGradient(graph::GradientBuilder* g) {
  const graph::Op& op = g->forward();
  if (g->NeedsGrad(Args::kSigma) ||
      (g->num_inputs() > Args::kWeights && g->NeedsGrad(Args::kWeights))) {
    return InvalidArgument(op.Describe(),
                           ": sigma and weights have no gradient; put a StopGradient before them");
  }
  if (g->GradOut(Args::kAccuracy) != graph::kNone ||
      g->GradOut(Args::kAccuracyWeighted) != graph::kNone) {
    return InvalidArgument(op.Describe(),
                           ": an accuracy has no gradient; differentiate the output loss");
  }
  if (!g->NeedsGrad(Args::kLogits) || g->GradOut(Args::kLoss) == graph::kNone) {
    return absl::OkStatus();
  }
  std::vector<graph::BlobId> inputs = {g->In(Args::kLogits), g->In(Args::kIdsKeep),
                                       g->In(Args::kMaskPos), g->In(Args::kSigma),
                                       g->GradOut(Args::kLoss)};
  if (g->num_inputs() > Args::kWeights) inputs.push_back(g->In(Args::kWeights));
  g->SetGrad(Args::kLogits, g->Op("SmoothedPositionCEGrad", inputs,
                                  {{"grid_h", op.Int("grid_h")}, {"grid_w", op.Int("grid_w")}}));
  return absl::OkStatus();
}

// A maximum, an exponential (counted as 10) and a few sums per logit.
graph::Cost LossCost(const graph::Op&, absl::Span<const TensorType> inputs,
                     absl::Span<const TensorType> outputs) {
  return CostOf(16 * inputs[0].elements(), inputs, outputs);
}

}  // namespace

void RegisterSmoothedPositionCE(graph::SchemaRegistry* registry) {
  registry->Add(graph::Schema("SmoothedPositionCE",
                              "cross entropy of the positions of dropped patches, smoothed")
                    .Input("logits", "(B, V, L)", RowUse::kAllRows)
                    .Input("ids_keep", "(B, V) i32", RowUse::kNone)
                    .Input("mask_pos", "(B, V) u8", RowUse::kNone)
                    .Input("sigma", "{1}", RowUse::kNone)
                    .OptionalInput("weights", "(B, V)", RowUse::kAllRows)
                    .Output("loss", "{1}")
                    .Output("accuracy", "{1}")
                    .Output("accuracy_weighted", "{1}")
                    .Output("correct", "(B) i32")
                    .Output("scored", "(B) i32")
                    .Attr("grid_h", int64_t{0}, "rows of the patch grid")
                    .Attr("grid_w", int64_t{0}, "columns of the patch grid")
                    .Infer(InferForward)
                    .Cost(LossCost)
                    .Gradient(MakeGradient));
  registry->Add(graph::Schema("SmoothedPositionCEGrad", "gradient of SmoothedPositionCE")
                    .Input("logits", "(B, V, L)", RowUse::kSameRow)
                    .Input("ids_keep", "(B, V) i32", RowUse::kNone)
                    .Input("mask_pos", "(B, V) u8", RowUse::kNone)
                    .Input("sigma", "{1}", RowUse::kNone)
                    .Input("dloss", "{1}", RowUse::kNone)
                    .OptionalInput("weights", "(B, V)", RowUse::kAllRows)
                    .Output("dlogits", "(B, V, L)")
                    .Attr("grid_h", int64_t{0}, "rows of the patch grid")
                    .Attr("grid_w", int64_t{0}, "columns of the patch grid")
                    .InPlace(0, 0)
                    .Infer(InferGrad)
                    .Cost(LossCost)
                    .NotDifferentiable("second derivatives are not supported"));
}

}  // namespace ops::droppos

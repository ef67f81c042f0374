#include "ops/droppos/smoothed_position_ce.h"

#include <string>
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

// The checks that both operators share; `weights` is the position of the optional input.
absl::Status CheckInputs(const graph::InferContext& c, int weights) {
  const int64_t grid_h = c.op.Int("grid_h"), grid_w = c.op.Int("grid_w");
  if (grid_h < 1 || grid_w < 1 || grid_h > 65536 || grid_w > 65536) {
    return Reject(c, "grid_h=", grid_h, ", grid_w=", grid_w, " must be between 1 and 65536");
  }
  RETURN_IF_ERROR(graph::ExpectRank(c, Args::kLogits, 3));
  RETURN_IF_ERROR(graph::ExpectFloat(c, Args::kLogits));
  const TensorType& logits = c.in(Args::kLogits);
  const std::string& targets = c.op.Str("targets");
  if (targets != "paper" && targets != "official") {
    return Reject(c, "targets=\"", targets, "\" is unknown; use \"paper\" or \"official\"");
  }
  const int64_t conf_ignore = c.op.Int("conf_ignore");
  if (conf_ignore != 0 && conf_ignore != 1) {
    return Reject(c, "conf_ignore=", conf_ignore, " must be 0 or 1");
  }
  const int64_t cells = grid_h * grid_w;
  if (targets == "paper" ? logits.dim(2) != cells : logits.dim(2) > cells) {
    return Reject(c, "logits ", logits.ToString(), " name ", logits.dim(2),
                  " cells, but grid_h=", grid_h, " x grid_w=", grid_w, " makes ", cells,
                  targets == "paper" ? "" : ", which must be no fewer");
  }
  const int64_t batch = logits.dim(0), visible = logits.dim(1);
  RETURN_IF_ERROR(ExpectType(c, Args::kIdsKeep, {DType::kI32, {batch, visible}}));
  RETURN_IF_ERROR(ExpectType(c, Args::kMaskPos, {DType::kU8, {batch, visible}}));
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
  const TensorType scalar = {dtype, {1}}, counts = {DType::kI32, {batch}};
  return std::vector<TensorType>{scalar, scalar, scalar, counts, counts, counts};
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
  std::vector<graph::BlobId> inputs = {g->In(Args::kLogits), g->In(Args::kIdsKeep),
                                       g->In(Args::kMaskPos), g->In(Args::kSigma),
                                       g->GradOut(Args::kLoss)};
  if (g->num_inputs() > Args::kWeights) inputs.push_back(g->In(Args::kWeights));
  g->SetGrad(Args::kLogits, g->Op("SmoothedPositionCEGrad", inputs,
                                  {{"grid_h", op.Int("grid_h")},
                                   {"grid_w", op.Int("grid_w")},
                                   {"targets", op.Str("targets")},
                                   {"conf_ignore", op.Int("conf_ignore")}}));
  return absl::OkStatus();
}

// What both operators have. The cost: a maximum, an exponential (counted as 10) and a few sums per
// logit.
graph::Schema& AddCommon(graph::Schema& schema) {
  return schema.Attr("grid_h", int64_t{0}, "rows of the grid of targets")
      .Attr("grid_w", int64_t{0}, "columns of the grid of targets")
      .OptionalAttr("targets", std::string("paper"), "\"paper\" or \"official\": the map")
      .OptionalAttr("conf_ignore", int64_t{0}, "1: leave out patches surer than their target")
      .Cost(InputCost(16));
}

}  // namespace

void RegisterSmoothedPositionCE(graph::SchemaRegistry* registry) {
  graph::Schema forward("SmoothedPositionCE",
                        "cross entropy of the positions of dropped patches, smoothed");
  forward.Input("logits", "(B, V, L)", RowUse::kAllRows)
      .Input("ids_keep", "(B, V) i32", RowUse::kNone)
      .Input("mask_pos", "(B, V) u8", RowUse::kNone)
      .Input("sigma", "{1}", RowUse::kNone)
      .OptionalInput("weights", "(B, V)", RowUse::kAllRows)
      .Output("loss", "{1}")
      .Output("accuracy", "{1}")
      .Output("accuracy_weighted", "{1}")
      .Output("correct", "(B) i32")
      .Output("scored", "(B) i32")
      .Output("ignored", "(B) i32");
  registry->Add(AddCommon(forward).Infer(InferForward).Gradient(MakeGradient));

  graph::Schema gradient("SmoothedPositionCEGrad", "gradient of SmoothedPositionCE");
  // conf_ignore makes the divisor depend on the logits of all rows.
  gradient.Input("logits", "(B, V, L)", RowUse::kAllRows)
      .Input("ids_keep", "(B, V) i32", RowUse::kNone)
      .Input("mask_pos", "(B, V) u8", RowUse::kNone)
      .Input("sigma", "{1}", RowUse::kNone)
      .Input("dloss", "{1}", RowUse::kNone)
      .OptionalInput("weights", "(B, V)", RowUse::kAllRows)
      .Output("dlogits", "(B, V, L)");
  registry->Add(AddCommon(gradient).InPlace(0, 0).Infer(InferGrad).NotDifferentiable(
      "second derivatives are not supported"));
}

}  // namespace ops::droppos

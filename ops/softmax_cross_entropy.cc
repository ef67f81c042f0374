#include "ops/softmax_cross_entropy.h"

#include "graph/base/status.h"
#include "graph/schema/gradient.h"
#include "ops/shapes.h"

namespace ops {
namespace {

// `lam` is the place of the optional input.
absl::Status ExpectLogitsAndTargets(const graph::InferContext& c, int lam) {
  RETURN_IF_ERROR(graph::ExpectFloat(c, 0));
  RETURN_IF_ERROR(graph::ExpectMinRank(c, 0, 2));
  if (c.in(0).elements() == 0) return Reject(c, InputText(c, 0, "logits"), " is empty");
  RETURN_IF_ERROR(ExpectType(c, 1, {graph::DType::kI32, {c.in(0).rows()}}));
  const float smoothing = c.op.Float("smoothing");
  if (!(smoothing >= 0.0f && smoothing < 1.0f)) {
    return Reject(c, "attribute 'smoothing' is ", smoothing, ", must be at least 0 and below 1");
  }
  if (static_cast<int>(c.inputs.size()) == lam) return absl::OkStatus();
  RETURN_IF_ERROR(graph::ExpectSameDType(c, lam, 0));
  RETURN_IF_ERROR(graph::ExpectRank(c, lam, 1));
  return ExpectEvenGroups(c, lam, c.in(0).rows());
}

absl::StatusOr<std::vector<graph::TensorType>> InferLoss(const graph::InferContext& c) {
  RETURN_IF_ERROR(ExpectLogitsAndTargets(c, 2));
  return std::vector<graph::TensorType>{{c.in(0).dtype, {1}}, c.in(1)};
}

absl::StatusOr<std::vector<graph::TensorType>> InferLossGrad(const graph::InferContext& c) {
  RETURN_IF_ERROR(ExpectLogitsAndTargets(c, 3));
  RETURN_IF_ERROR(graph::ExpectSameDType(c, 2, 0));
  RETURN_IF_ERROR(ExpectScalar(c, 2));
  return std::vector<graph::TensorType>{c.in(0)};
}

absl::Status LossGradient(graph::GradientBuilder* g) {
  std::vector<graph::BlobId> inputs = {g->In(0), g->In(1), g->GradOut(0)};
  if (g->num_inputs() == 3) {
    if (g->NeedsGrad(2)) {
      return graph::InvalidArgument(g->forward().Describe(), ": the shares have no gradient; put a StopGradient before them");
    }
    inputs.push_back(g->In(2));
  }
  g->SetGrad(0, g->Op("SoftmaxCrossEntropyGrad", inputs,
                      {{"smoothing", g->forward().Float("smoothing")}}));
  return absl::OkStatus();
}

}  // namespace

void RegisterSoftmaxCrossEntropy(graph::SchemaRegistry* registry) {
  const std::string smoothing = "share of every target that all classes have in equal parts";
  registry->Add(graph::Schema("SoftmaxCrossEntropy", "mean cross-entropy of class labels")
                    .Input("logits", "(..., K)", graph::RowUse::kAllRows)
                    .Input("labels", "(R)", graph::RowUse::kNone)
                    .OptionalInput("lam", "(G)", graph::RowUse::kNone)
                    .Output("loss", "(1)")
                    .Output("correct", "(R)")
                    .OptionalAttr("smoothing", 0.0f, smoothing)
                    .Infer(InferLoss)
                    .Cost(InputCost(6))
                    .Gradient(LossGradient));
  // A row of mixed labels needs another row's label, but of the logits only its own.
  registry->Add(
      graph::Schema("SoftmaxCrossEntropyGrad", "dloss·(softmax - targets)/S in scored rows")
          .Input("logits", "(..., K)", graph::RowUse::kSameRow)
          .Input("labels", "(R)", graph::RowUse::kNone)
          .Input("dloss", "(1)", graph::RowUse::kNone)
          .OptionalInput("lam", "(G)", graph::RowUse::kNone)
          .Output("dlogits", "(..., K)")
          .OptionalAttr("smoothing", 0.0f, smoothing)
          .Infer(InferLossGrad)
          .Cost(InputCost(6))
          .NotDifferentiable("second-order gradients are not supported"));
}

}  // namespace ops

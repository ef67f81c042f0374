#include "ops/softmax_cross_entropy.h"

#include "graph/base/status.h"
#include "graph/schema/gradient.h"
#include "ops/shapes.h"

namespace ops {
namespace {

absl::Status ExpectLogitsAndLabels(const graph::InferContext& c) {
  RETURN_IF_ERROR(graph::ExpectFloat(c, 0));
  RETURN_IF_ERROR(graph::ExpectMinRank(c, 0, 2));
  if (c.in(0).elements() == 0) return Reject(c, InputText(c, 0, "logits"), " is empty");
  return ExpectType(c, 1, {graph::DType::kI32, {c.in(0).rows()}});
}

absl::StatusOr<std::vector<graph::TensorType>> InferLoss(const graph::InferContext& c) {
  RETURN_IF_ERROR(ExpectLogitsAndLabels(c));
  return std::vector<graph::TensorType>{{c.in(0).dtype, {1}}, c.in(1)};
}

absl::StatusOr<std::vector<graph::TensorType>> InferLossGrad(const graph::InferContext& c) {
  RETURN_IF_ERROR(ExpectLogitsAndLabels(c));
  RETURN_IF_ERROR(graph::ExpectSameDType(c, 2, 0));
  RETURN_IF_ERROR(ExpectScalar(c, 2));
  return std::vector<graph::TensorType>{c.in(0)};
}

absl::Status LossGradient(graph::GradientBuilder* g) {
  g->SetGrad(0, g->Op("SoftmaxCrossEntropyGrad", {g->In(0), g->In(1), g->GradOut(0)}));
  return absl::OkStatus();
}

}  // namespace

void RegisterSoftmaxCrossEntropy(graph::SchemaRegistry* registry) {
  registry->Add(graph::Schema("SoftmaxCrossEntropy", "mean cross-entropy of class labels")
                    .Input("logits", "(..., K)", graph::RowUse::kAllRows)
                    .Input("labels", "(R)", graph::RowUse::kNone)
                    .Output("loss", "(1)")
                    .Output("correct", "(R)")
                    .Infer(InferLoss)
                    .Cost(InputCost(6))
                    .Gradient(LossGradient));
  registry->Add(
      graph::Schema("SoftmaxCrossEntropyGrad", "dloss·(softmax - onehot)/S in scored rows")
          .Input("logits", "(..., K)", graph::RowUse::kSameRow)
          .Input("labels", "(R)", graph::RowUse::kNone)
          .Input("dloss", "(1)", graph::RowUse::kNone)
          .Output("dlogits", "(..., K)")
          .Infer(InferLossGrad)
          .Cost(InputCost(6))
          .NotDifferentiable("second-order gradients are not supported"));
}

}  // namespace ops

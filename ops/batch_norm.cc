#include "ops/batch_norm.h"

#include "graph/base/status.h"
#include "graph/schema/gradient.h"
#include "ops/shapes.h"

namespace ops {
namespace {

constexpr int kRstd = 1;  // output of BatchNorm

// Input `x` has rows, and the others that are named have a number for each of its columns.
absl::Status ExpectColumns(const graph::InferContext& c, std::initializer_list<int> columns) {
  RETURN_IF_ERROR(graph::ExpectFloat(c, 0));
  RETURN_IF_ERROR(graph::ExpectMinRank(c, 0, 2));
  for (int i : columns) RETURN_IF_ERROR(ExpectType(c, i, {c.in(0).dtype, {c.in(0).cols()}}));
  return absl::OkStatus();
}

absl::Status ExpectTwoRows(const graph::InferContext& c, const char* name) {
  if (c.in(0).rows() >= 2) return absl::OkStatus();
  return Reject(c, InputText(c, 0, name),
                " has fewer than two rows, of which a batch's variance cannot be taken; train with "
                "two images or more in a micro-batch");
}

absl::StatusOr<std::vector<graph::TensorType>> InferBatchNorm(const graph::InferContext& c) {
  RETURN_IF_ERROR(ExpectColumns(c, {1, 2}));
  RETURN_IF_ERROR(ExpectTwoRows(c, "x"));
  RETURN_IF_ERROR(ExpectEps(c));
  const float momentum = c.op.Float("momentum");
  if (!(momentum >= 0.0f && momentum <= 1.0f)) {
    return Reject(c, "attribute 'momentum' is ", momentum, ", must lie in [0, 1]");
  }
  const graph::TensorType &x = c.in(0), &column = c.in(1);
  return std::vector<graph::TensorType>{x, column, column, column};
}

absl::StatusOr<std::vector<graph::TensorType>> InferBatchNormGrad(const graph::InferContext& c) {
  RETURN_IF_ERROR(ExpectColumns(c, {1}));
  RETURN_IF_ERROR(ExpectTwoRows(c, "y"));
  RETURN_IF_ERROR(graph::ExpectSameType(c, 2, 0));
  return std::vector<graph::TensorType>{c.in(0)};
}

absl::StatusOr<std::vector<graph::TensorType>> InferBatchNormInference(
    const graph::InferContext& c) {
  RETURN_IF_ERROR(ExpectColumns(c, {1, 2}));
  RETURN_IF_ERROR(ExpectEps(c));
  return std::vector<graph::TensorType>{c.in(0)};
}

absl::Status BatchNormGradient(graph::GradientBuilder* g) {
  for (size_t i = kRstd; i < g->forward().outputs.size(); ++i) {
    if (g->GradOut(static_cast<int>(i)) == graph::kNone) continue;
    return graph::InvalidArgument(g->forward().Describe(), ": statistics have no gradient");
  }
  if (g->NeedsGrad(1) || g->NeedsGrad(2)) {
    return graph::InvalidArgument(g->forward().Describe(),
                                  ": running statistics have no gradient; make them buffers");
  }
  g->SetGrad(0, g->Op("BatchNormGrad", {g->Out(0), g->Out(kRstd), g->GradOut(0)}));
  return absl::OkStatus();
}

}  // namespace

void RegisterBatchNorm(graph::SchemaRegistry* registry) {
  registry->Add(graph::Schema("BatchNorm", "y = (x - mean)·rstd, per column of a batch")
                    .Input("x", "(..., C)", graph::RowUse::kAllRows)
                    .Input("running_mean", "(C)", graph::RowUse::kAllRows)
                    .Input("running_var", "(C)", graph::RowUse::kAllRows)
                    .Output("y", "(..., C)")
                    .Output("rstd", "(C)")
                    .Output("running_mean_out", "(C)")
                    .Output("running_var_out", "(C)")
                    .Attr("eps", 1e-6f, "added to the variance")
                    .Attr("momentum", 0.1f, "share of this batch in the running statistics")
                    .InPlace(0, 0)
                    .InPlace(1, 2)
                    .InPlace(2, 3)
                    .Infer(InferBatchNorm)
                    .ElementwiseCost(6)
                    .Gradient(BatchNormGradient));
  registry->Add(graph::Schema("BatchNormGrad", "the gradient of BatchNorm")
                    .Input("y", "(..., C)", graph::RowUse::kAllRows)
                    .Input("rstd", "(C)", graph::RowUse::kAllRows)
                    .Input("dy", "(..., C)", graph::RowUse::kAllRows)
                    .Output("dx", "(..., C)")
                    .InPlace(2, 0)
                    .Infer(InferBatchNormGrad)
                    .ElementwiseCost(8)
                    .NotDifferentiable("second-order gradients are not supported"));
  registry->Add(graph::Schema("BatchNormInference", "y = (x - mean)/sqrt(var + eps), per column")
                    .Input("x", "(..., C)", graph::RowUse::kSameRow)
                    .Input("running_mean", "(C)", graph::RowUse::kAllRows)
                    .Input("running_var", "(C)", graph::RowUse::kAllRows)
                    .Output("y", "(..., C)")
                    .Attr("eps", 1e-6f, "added to the variance")
                    .InPlace(0, 0)
                    .Infer(InferBatchNormInference)
                    .ElementwiseCost(2)
                    .NotDifferentiable("running statistics are for evaluation"));
}

}  // namespace ops

#include "ops/attention.h"

#include "graph/base/status.h"
#include "graph/schema/gradient.h"
#include "ops/shapes.h"

namespace ops {
namespace {

// Checks input 0 (qkv) and the attribute; returns D.
absl::StatusOr<int64_t> ExpectQkv(const graph::InferContext& c) {
  RETURN_IF_ERROR(graph::ExpectFloat(c, 0));
  RETURN_IF_ERROR(graph::ExpectRank(c, 0, 3));
  RETURN_IF_ERROR(ExpectIntAtLeast(c, "heads", 1));
  const int64_t heads = c.op.Int("heads");
  const int64_t cols = c.in(0).cols();
  // Not cols % (3 * heads), which overflows for a hostile number of heads.
  if (cols == 0 || cols % 3 != 0 || cols / 3 % heads != 0) {
    return Reject(c, InputText(c, 0, "qkv"), " has ", cols,
                  " columns, which do not divide into q, k and v of ", heads, " heads");
  }
  return cols / 3;
}

absl::StatusOr<std::vector<graph::TensorType>> InferAttention(const graph::InferContext& c) {
  ASSIGN_OR_RETURN(const int64_t width, ExpectQkv(c));
  const graph::TensorType& qkv = c.in(0);
  int64_t queries = qkv.dim(1);
  if (c.inputs.size() > 1) {
    RETURN_IF_ERROR(graph::ExpectDType(c, 1, graph::DType::kI32));
    RETURN_IF_ERROR(graph::ExpectRank(c, 1, 2));
    if (c.in(1).dim(0) != qkv.dim(0)) {
      return Reject(c, InputText(c, 1, "query_ids"), " must have the batch of ",
                    InputText(c, 0, "qkv"));
    }
    queries = c.in(1).dim(1);
  }
  return std::vector<graph::TensorType>{
      {qkv.dtype, {qkv.dim(0), queries, width}},
      {WideDType(qkv.dtype), {qkv.dim(0), c.op.Int("heads"), queries}}};
}

absl::StatusOr<std::vector<graph::TensorType>> InferAttentionGrad(const graph::InferContext& c) {
  ASSIGN_OR_RETURN(const int64_t width, ExpectQkv(c));
  const graph::TensorType& qkv = c.in(0);
  RETURN_IF_ERROR(graph::ExpectSameDType(c, 1, 0));
  RETURN_IF_ERROR(graph::ExpectDType(c, 2, WideDType(qkv.dtype)));
  RETURN_IF_ERROR(graph::ExpectSameDType(c, 3, 0));
  RETURN_IF_ERROR(graph::ExpectShape(c, 1, {qkv.dim(0), qkv.dim(1), width}));
  RETURN_IF_ERROR(graph::ExpectShape(c, 2, {qkv.dim(0), c.op.Int("heads"), qkv.dim(1)}));
  RETURN_IF_ERROR(graph::ExpectSameType(c, 3, 1));
  return std::vector<graph::TensorType>{qkv};
}

// The cost of one product of (Q, dh) and (dh, T) for every head and image; `y` is (B, Q, D).
double ProductFlops(const graph::TensorType& qkv, const graph::TensorType& y) {
  return 2.0 * static_cast<double>(y.elements()) * static_cast<double>(qkv.dim(1));
}

absl::Status AttentionGradient(graph::GradientBuilder* g) {
  if (g->forward().inputs.size() > 1) {
    return graph::InvalidArgument(g->forward().Describe(),
                                  ": has no gradient with query_ids; rows are pruned after the "
                                  "gradient has been made");
  }
  if (g->GradOut(1) != graph::kNone) {
    return graph::InvalidArgument(g->forward().Describe(), ": lse has no gradient");
  }
  g->SetGrad(0, g->Op("AttentionGrad", {g->In(0), g->Out(0), g->Out(1), g->GradOut(0)},
                      {{"heads", g->forward().Int("heads")}}));
  return absl::OkStatus();
}

}  // namespace

void RegisterAttention(graph::SchemaRegistry* registry) {
  registry->Add(graph::Schema("Attention", "y = softmax(q·kᵀ/sqrt(dh))·v for each head")
                    .Input("qkv", "(B, T, 3D)", graph::RowUse::kAllRows)
                    .OptionalInput("query_ids", "(B, Q)", graph::RowUse::kNone)
                    .Output("y", "(B, Q, D)")
                    .Output("lse", "(B, H, Q)")
                    .Attr("heads", int64_t{1}, "H, divides D")
                    .LowPrecision({0}, {0})
                    .MakesRowsNamedBy(1)
                    .Infer(InferAttention)
                    .Cost([](const graph::Op&, absl::Span<const graph::TensorType> in,
                             absl::Span<const graph::TensorType> out) {
                      return CostOf(2 * ProductFlops(in[0], out[0]), in, out);
                    })
                    .Gradient(AttentionGradient));
  registry->Add(graph::Schema("AttentionGrad", "the gradient of Attention")
                    .Input("qkv", "(B, T, 3D)", graph::RowUse::kAllRows)
                    .Input("y", "(B, T, D)", graph::RowUse::kAllRows)
                    .Input("lse", "(B, H, T)", graph::RowUse::kAllRows)
                    .Input("dy", "(B, T, D)", graph::RowUse::kAllRows)
                    .Output("dqkv", "(B, T, 3D)")
                    .Attr("heads", int64_t{1}, "H, divides D")
                    .LowPrecision({0, 1, 3}, {0})
                    .Infer(InferAttentionGrad)
                    .Cost([](const graph::Op&, absl::Span<const graph::TensorType> in,
                             absl::Span<const graph::TensorType> out) {
                      return CostOf(5 * ProductFlops(in[0], in[1]), in, out);
                    })
                    .NotDifferentiable("second-order gradients are not supported"));
}

}  // namespace ops

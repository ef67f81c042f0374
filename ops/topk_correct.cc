#include "ops/topk_correct.h"

#include "graph/base/status.h"
#include "ops/shapes.h"

namespace ops {
namespace {

absl::StatusOr<std::vector<graph::TensorType>> InferTopKCorrect(const graph::InferContext& c) {
  RETURN_IF_ERROR(graph::ExpectFloat(c, 0));
  RETURN_IF_ERROR(graph::ExpectMinRank(c, 0, 2));
  if (c.in(0).elements() == 0) return Reject(c, InputText(c, 0, "logits"), " is empty");
  RETURN_IF_ERROR(ExpectType(c, 1, {graph::DType::kI32, {c.in(0).rows()}}));
  RETURN_IF_ERROR(ExpectIntAtLeast(c, "k", 1));
  if (c.op.Int("k") > c.in(0).cols()) {
    return Reject(c, "attribute 'k' is ", c.op.Int("k"), ", but ", InputText(c, 0, "logits"),
                  " has ", c.in(0).cols(), " classes");
  }
  return std::vector<graph::TensorType>{c.in(1)};
}

}  // namespace

void RegisterTopKCorrect(graph::SchemaRegistry* registry) {
  registry->Add(graph::Schema("TopKCorrect", "whether the label is among the k largest logits")
                    .Input("logits", "(..., K)", graph::RowUse::kSameRow)
                    .Input("labels", "(R)", graph::RowUse::kNone)
                    .Output("correct", "(R)")
                    .Attr("k", int64_t{1}, "how many logits count, from 1 to K")
                    .Infer(InferTopKCorrect)
                    .Cost(InputCost(2))
                    .NoGradient("a count"));
}

}  // namespace ops

#include "ops/droppos/random_order.h"

#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "graph/base/status.h"
#include "ops/droppos/purposes.h"
#include "ops/shapes.h"

namespace ops::droppos {
namespace {

using graph::DType;
using graph::RowUse;
using graph::TensorType;

absl::StatusOr<std::vector<TensorType>> InferRandomOrder(const graph::InferContext& c) {
  const int64_t count = c.op.Int("count");
  if (count < 1 || count > std::numeric_limits<int32_t>::max()) {
    return Reject(c, "count=", count, " is out of range; a permutation has at least one element");
  }
  const std::string& purpose = c.op.Str("purpose");
  if (!OrderPurpose(purpose).has_value()) {
    return Reject(c, "purpose=\"", purpose, "\" is unknown; use \"shuffle\" or \"wrong_position\"");
  }
  if (c.in(0).dtype == DType::kI64) {
    RETURN_IF_ERROR(graph::ExpectRank(c, 0, 1));
  } else {
    RETURN_IF_ERROR(graph::ExpectRank(c, 0, 2));
    RETURN_IF_ERROR(graph::ExpectFloat(c, 0));
    RETURN_IF_ERROR(graph::ExpectShape(c, 0, {c.in(0).dim(0), count}));
  }
  const TensorType order = {DType::kI32, {c.in(0).dim(0), count}};
  return std::vector<TensorType>{order, order};
}

}  // namespace

absl::optional<graph::Purpose> OrderPurpose(absl::string_view name) {
  if (name == "shuffle") return kShuffle;
  if (name == "wrong_position") return kWrongPosition;
  return absl::nullopt;
}

void RegisterRandomOrder(graph::SchemaRegistry* registry) {
  registry->Add(graph::Schema("RandomOrder", "a random permutation for each image")
                    .Input("keys", "(B) i64 keys, or (B, N) noise", RowUse::kNone)
                    .Output("order", "(B, N) i32")
                    .Output("inverse", "(B, N) i32")
                    .Attr("count", int64_t{0}, "N, elements of a permutation")
                    .Attr("purpose", std::string(), "\"shuffle\" or \"wrong_position\"")
                    .Infer(InferRandomOrder)
                    // A comparison sort; integer operations are counted.
                    .Cost([](const graph::Op&, absl::Span<const TensorType> inputs,
                             absl::Span<const TensorType> outputs) {
                      const double n = static_cast<double>(outputs[0].dim(1));
                      return CostOf(static_cast<double>(outputs[0].dim(0)) * n * std::log2(n + 1),
                                    inputs, outputs);
                    })
                    .NoGradient("permutations are drawn, not computed"));
}

}  // namespace ops::droppos

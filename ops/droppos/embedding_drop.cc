#include "ops/droppos/embedding_drop.h"

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

// The inputs of kind "wrong_pos".
absl::Status ExpectDropped(const graph::InferContext& c) {
  const int64_t batch = c.in(0).dim(0), visible = c.in(0).dim(1);
  RETURN_IF_ERROR(graph::ExpectDType(c, 5, DType::kI32));
  RETURN_IF_ERROR(graph::ExpectRank(c, 5, 2));
  const int64_t dropped = c.in(5).dim(1);
  RETURN_IF_ERROR(graph::ExpectShape(c, 5, {batch, dropped}));
  if (dropped > visible) {
    return Reject(c, InputText(c, 5, "ids_dropped"), " names more than the ", visible,
                  " visible tokens");
  }
  return ExpectType(c, 6, {DType::kI32, {batch, dropped}});
}

absl::StatusOr<std::vector<TensorType>> InferEmbeddingDrop(const graph::InferContext& c) {
  const std::string& kind = c.op.Str("kind");
  const bool wrong_pos = kind == "wrong_pos";
  if (kind != "param" && kind != "zeros" && !wrong_pos) {
    return Reject(c, "kind=\"", kind, "\" is unknown; use \"param\", \"zeros\" or \"wrong_pos\"");
  }
  if (c.inputs.size() != (wrong_pos ? 7 : 5)) {
    return Reject(c, "kind=\"", kind, "\" has ", c.inputs.size(), " inputs, must have ",
                  wrong_pos ? "7: ids_dropped and order last"
                            : "5: ids_dropped and order are for \"wrong_pos\"");
  }
  RETURN_IF_ERROR(graph::ExpectRank(c, 0, 3));
  RETURN_IF_ERROR(graph::ExpectFloat(c, 0));
  RETURN_IF_ERROR(graph::ExpectSameDType(c, 1, 0));
  RETURN_IF_ERROR(graph::ExpectSameDType(c, 2, 0));
  const int64_t batch = c.in(0).dim(0), visible = c.in(0).dim(1), dim = c.in(0).dim(2);
  if (c.in(1).rank() < 1 || c.in(1).dim(-1) != dim || c.in(1).rows() < 1) {
    return Reject(c, "table ", c.in(1).ToString(), " must have rows of width ", dim,
                  ", that of the tokens");
  }
  if (c.in(1).rows() < visible) {
    return Reject(c, "table ", c.in(1).ToString(), " has fewer rows than ", visible,
                  " visible tokens");
  }
  if (c.in(2).elements() != dim) {
    return Reject(c, "mask_token ", c.in(2).ToString(), " must have ", dim,
                  " elements, the width of the tokens");
  }
  RETURN_IF_ERROR(ExpectType(c, 3, {DType::kI32, {batch, visible}}));
  RETURN_IF_ERROR(ExpectType(c, 4, {DType::kU8, {batch, visible}}));
  if (wrong_pos) RETURN_IF_ERROR(ExpectDropped(c));
  return std::vector<TensorType>{c.in(0)};
}

absl::Status EmbeddingDropGradient(graph::GradientBuilder* g) {
  const graph::Op& op = g->forward();
  if (g->NeedsGrad(1)) {
    return InvalidArgument(op.Describe(),
                           ": the position table is fixed and has no gradient; put a StopGradient "
                           "before it or leave it out of the parameters to be trained");
  }
  g->SetGrad(0, g->GradOut(0));
  if (!g->NeedsGrad(2)) return absl::OkStatus();
  const std::vector<int64_t> shape = ShapeAttr(g->InType(2));
  if (op.Str("kind") == "param") {
    g->SetGrad(2, g->Op("EmbeddingDropGrad", {g->GradOut(0), g->In(4)}, {{"shape", shape}}));
  } else {
    g->SetGrad(2, g->Op("Fill", {},
                        {{"value", 0.0f},
                         {"shape", shape},
                         {"dtype", std::string(graph::DTypeName(g->InType(2).dtype))}}));
  }
  return absl::OkStatus();
}

absl::StatusOr<std::vector<TensorType>> InferEmbeddingDropGrad(const graph::InferContext& c) {
  RETURN_IF_ERROR(graph::ExpectRank(c, 0, 3));
  RETURN_IF_ERROR(graph::ExpectFloat(c, 0));
  RETURN_IF_ERROR(ExpectType(c, 1, {DType::kU8, {c.in(0).dim(0), c.in(0).dim(1)}}));
  // Compared dimension by dimension, so that no product overflows.
  const std::vector<int64_t>& dims = c.op.Ints("shape");
  const int64_t dim = c.in(0).dim(2);
  bool fits = !dims.empty();
  int64_t elements = 1;
  for (int64_t d : dims) {
    fits = fits && d >= 1 && d <= dim;
    if (fits) elements *= d;
    fits = fits && elements <= dim;
  }
  if (!fits || elements != dim) {
    return Reject(c, "shape=", graph::ShapeString(dims), " must have ", dim,
                  " elements, the width of dy");
  }
  return std::vector<TensorType>{{c.in(0).dtype, graph::Shape(dims.begin(), dims.end())}};
}

}  // namespace

void RegisterEmbeddingDrop(graph::SchemaRegistry* registry) {
  registry->Add(graph::Schema("EmbeddingDrop",
                              "tokens plus position embedding, or a substitute where it is dropped")
                    .Input("tokens", "(B, V, D)", RowUse::kSameRow)
                    .Input("table", "(L, D) elements", RowUse::kAllRows)
                    .Input("mask_token", "(D) elements", RowUse::kAllRows)
                    .Input("ids_keep", "(B, V) i32", RowUse::kNone)
                    .Input("mask_pos", "(B, V) u8", RowUse::kNone)
                    .OptionalInput("ids_dropped", "(B, N) i32, for \"wrong_pos\"", RowUse::kNone)
                    .OptionalInput("order", "(B, N) i32, for \"wrong_pos\"", RowUse::kNone)
                    .Output("y", "(B, V, D)")
                    .Attr("kind", std::string(),
                          "\"param\", \"zeros\" or \"wrong_pos\": what replaces a position")
                    .InPlace(0, 0)
                    .Infer(InferEmbeddingDrop)
                    .ElementwiseCost(1)
                    .Gradient(EmbeddingDropGradient));
  registry->Add(graph::Schema("EmbeddingDropGrad", "gradient of EmbeddingDrop's mask token")
                    .Input("dy", "(B, V, D)", RowUse::kAllRows)
                    .Input("mask_pos", "(B, V) u8", RowUse::kNone)
                    .Output("d_mask_token", "(shape)")
                    .Attr("shape", std::vector<int64_t>(), "shape of the mask token")
                    .Infer(InferEmbeddingDropGrad)
                    .Cost(InputCost(1))
                    .NotDifferentiable("second derivatives are not supported"));
}

}  // namespace ops::droppos

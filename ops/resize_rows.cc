#include "ops/resize_rows.h"

#include <limits>

#include "graph/base/status.h"
#include "graph/schema/gradient.h"
#include "ops/shapes.h"

namespace ops {
namespace {

using graph::DType;
using graph::TensorType;
using Types = std::vector<TensorType>;

constexpr int64_t kLongestSide = 16384;
constexpr int64_t kMostClasses = 255;  // which is the label of a pixel without one
constexpr int64_t kMostPixels = std::numeric_limits<int32_t>::max();

bool IsSide(int64_t n) { return n >= 1 && n <= kLongestSide; }

// Attributes `height` and `width`, of the grid or the picture.
absl::Status ExpectSides(const graph::InferContext& c, const char* height, const char* width) {
  const int64_t h = c.op.Int(height), w = c.op.Int(width);
  if (IsSide(h) && IsSide(w)) return absl::OkStatus();
  return Reject(c, height, "=", h, ", ", width, "=", w, " must be between 1 and ", kLongestSide);
}

// Input 0 is a row for each cell of the grid.
absl::Status ExpectCells(const graph::InferContext& c) {
  RETURN_IF_ERROR(graph::ExpectFloat(c, 0));
  RETURN_IF_ERROR(graph::ExpectRank(c, 0, 3));
  RETURN_IF_ERROR(ExpectSides(c, "grid_h", "grid_w"));
  if (c.in(0).elements() == 0) return Reject(c, InputText(c, 0, "x"), " is empty");
  const int64_t grid_h = c.op.Int("grid_h"), grid_w = c.op.Int("grid_w");
  if (c.in(0).dim(1) == grid_h * grid_w) return absl::OkStatus();
  return Reject(c, InputText(c, 0, "x"), " has ", c.in(0).dim(1), " rows, but a grid of ", grid_h,
                " x ", grid_w, " has ", grid_h * grid_w, " cells");
}

absl::Status ExpectClasses(const graph::InferContext& c) {
  if (c.in(0).cols() <= kMostClasses) return absl::OkStatus();
  return Reject(c, InputText(c, 0, "x"), " has ", c.in(0).cols(), " classes; u8 holds ",
                kMostClasses, " beside the label 255 of pixels without one");
}

absl::StatusOr<Types> InferResizeRows(const graph::InferContext& c) {
  RETURN_IF_ERROR(ExpectCells(c));
  RETURN_IF_ERROR(ExpectSides(c, "height", "width"));
  const TensorType& x = c.in(0);
  return Types{{x.dtype, {x.dim(0), c.op.Int("height"), c.op.Int("width"), x.dim(2)}}};
}

absl::StatusOr<Types> InferResizeRowsGrad(const graph::InferContext& c) {
  RETURN_IF_ERROR(graph::ExpectFloat(c, 0));
  RETURN_IF_ERROR(graph::ExpectRank(c, 0, 4));
  RETURN_IF_ERROR(ExpectSides(c, "grid_h", "grid_w"));
  const TensorType& dy = c.in(0);
  if (dy.elements() == 0 || !IsSide(dy.dim(1)) || !IsSide(dy.dim(2))) {
    return Reject(c, InputText(c, 0, "dy"), " must be pictures with sides between 1 and ",
                  kLongestSide);
  }
  return Types{{dy.dtype, {dy.dim(0), c.op.Int("grid_h") * c.op.Int("grid_w"), dy.dim(3)}}};
}

absl::StatusOr<Types> InferResizedArgmax(const graph::InferContext& c) {
  RETURN_IF_ERROR(ExpectCells(c));
  RETURN_IF_ERROR(ExpectSides(c, "height", "width"));
  RETURN_IF_ERROR(ExpectClasses(c));
  return Types{{DType::kU8, {c.in(0).dim(0), c.op.Int("height"), c.op.Int("width")}}};
}

absl::Status ExpectLabelledCells(const graph::InferContext& c) {
  RETURN_IF_ERROR(ExpectCells(c));
  RETURN_IF_ERROR(ExpectClasses(c));
  RETURN_IF_ERROR(graph::ExpectDType(c, 1, DType::kU8));
  RETURN_IF_ERROR(graph::ExpectRank(c, 1, 3));
  const TensorType& labels = c.in(1);
  if (labels.dim(0) != c.in(0).dim(0) || !IsSide(labels.dim(1)) || !IsSide(labels.dim(2))) {
    return Reject(c, InputText(c, 1, "labels"), " must have a picture for each of the ",
                  c.in(0).dim(0), " of ", InputText(c, 0, "x"), ", with sides between 1 and ",
                  kLongestSide);
  }
  if (labels.elements() <= kMostPixels && c.in(0).rows() <= kMostPixels) return absl::OkStatus();
  return Reject(c, InputText(c, 1, "labels"), " and ", InputText(c, 0, "x"), " may have at most ",
                kMostPixels, " pixels and cells");
}

absl::StatusOr<Types> InferLoss(const graph::InferContext& c) {
  RETURN_IF_ERROR(ExpectLabelledCells(c));
  return Types{{c.in(0).dtype, {1}}, {DType::kI32, {1}}};
}

absl::StatusOr<Types> InferLossGrad(const graph::InferContext& c) {
  RETURN_IF_ERROR(ExpectLabelledCells(c));
  RETURN_IF_ERROR(ExpectType(c, 2, {DType::kI32, {1}}));
  RETURN_IF_ERROR(graph::ExpectSameDType(c, 3, 0));
  RETURN_IF_ERROR(ExpectScalar(c, 3));
  return Types{c.in(0)};
}

absl::Status ResizeRowsGradient(graph::GradientBuilder* g) {
  g->SetGrad(
      0, g->Op("ResizeRowsGrad", {g->GradOut(0)},
               {{"grid_h", g->forward().Int("grid_h")}, {"grid_w", g->forward().Int("grid_w")}}));
  return absl::OkStatus();
}

absl::Status ResizeRowsGradGradient(graph::GradientBuilder* g) {
  const TensorType dy = g->InType(0);
  g->SetGrad(0, g->Op("ResizeRows", {g->GradOut(0)},
                      {{"grid_h", g->forward().Int("grid_h")},
                       {"grid_w", g->forward().Int("grid_w")},
                       {"height", dy.dim(1)},
                       {"width", dy.dim(2)}}));
  return absl::OkStatus();
}

absl::Status LossGradient(graph::GradientBuilder* g) {
  g->SetGrad(
      0, g->Op("ResizedCrossEntropyGrad", {g->In(0), g->In(1), g->Out(1), g->GradOut(0)},
               {{"grid_h", g->forward().Int("grid_h")}, {"grid_w", g->forward().Int("grid_w")}}));
  return absl::OkStatus();
}

// `flops` for each class of each pixel, which are those of tensor `pixels`.
graph::Cost PixelCost(double flops, const TensorType& pixels, absl::Span<const TensorType> in,
                      absl::Span<const TensorType> out) {
  return CostOf(flops * static_cast<double>(pixels.elements()) * static_cast<double>(in[0].cols()),
                in, out);
}
graph::CostFn LabelsCost(double flops) {
  return [=](const graph::Op&, absl::Span<const TensorType> in, absl::Span<const TensorType> out) {
    return PixelCost(flops, in[1], in, out);
  };
}

graph::Schema OnGrid(const char* type, const char* doc) {
  return graph::Schema(type, doc)
      .Attr("grid_h", int64_t{0}, "rows of the grid of cells")
      .Attr("grid_w", int64_t{0}, "columns of the grid of cells");
}
graph::Schema ToPicture(const char* type, const char* doc) {
  return OnGrid(type, doc)
      .Attr("height", int64_t{0}, "rows of the picture")
      .Attr("width", int64_t{0}, "columns of the picture")
      .Input("x", "(B, T, K)", graph::RowUse::kAllRows);
}

}  // namespace

void RegisterResizeRows(graph::SchemaRegistry* registry) {
  registry->Add(ToPicture("ResizeRows", "rows on a grid, bilinear to the pixels of a picture")
                    .Output("y", "(B, H, W, K)")
                    .Infer(InferResizeRows)
                    .ElementwiseCost(7)
                    .Gradient(ResizeRowsGradient));
  registry->Add(OnGrid("ResizeRowsGrad", "the transpose of ResizeRows")
                    .Input("dy", "(B, H, W, K)", graph::RowUse::kAllRows)
                    .Output("dx", "(B, T, K)")
                    .Infer(InferResizeRowsGrad)
                    .Cost(InputCost(8))
                    .Gradient(ResizeRowsGradGradient));
  registry->Add(
      ToPicture("ResizedArgmax", "the largest class of each pixel of resize(x)")
          .Output("classes", "(B, H, W)")
          .Infer(InferResizedArgmax)
          .Cost([](const graph::Op&, absl::Span<const TensorType> in,
                   absl::Span<const TensorType> out) { return PixelCost(8, out[0], in, out); })
          .NotDifferentiable("a class is no number to differentiate"));
  registry->Add(OnGrid("ResizedCrossEntropy", "mean cross-entropy of the pixels of resize(x)")
                    .Input("x", "(B, T, K)", graph::RowUse::kAllRows)
                    .Input("labels", "(B, H, W)", graph::RowUse::kNone)
                    .Output("loss", "(1)")
                    .Output("labelled", "(1)")
                    .Infer(InferLoss)
                    .Cost(LabelsCost(20))
                    .Gradient(LossGradient));
  registry->Add(OnGrid("ResizedCrossEntropyGrad",
                       "dloss·(softmax - onehot)/S in labelled pixels, brought to the cells")
                    .Input("x", "(B, T, K)", graph::RowUse::kAllRows)
                    .Input("labels", "(B, H, W)", graph::RowUse::kNone)
                    .Input("labelled", "(1)", graph::RowUse::kNone)
                    .Input("dloss", "(1)", graph::RowUse::kNone)
                    .Output("dx", "(B, T, K)")
                    .Infer(InferLossGrad)
                    .Cost(LabelsCost(28))
                    .NotDifferentiable("second-order gradients are not supported"));
}

}  // namespace ops

#include "ops/droppos/pixel_loss.h"

#include <vector>

#include "graph/schema/gradient.h"
#include "ops/shapes.h"

namespace ops::droppos {
namespace {

using graph::DType;
using graph::InvalidArgument;
using graph::RowUse;
using graph::TensorType;
using Args = PixelLossArgs;

// The checks that both operators share.
absl::Status CheckInputs(const graph::InferContext& c) {
  const int64_t p = c.op.Int("patch");
  // The upper bound keeps p * p * 3 from overflowing.
  if (p < 1 || p > 65536) return Reject(c, "patch=", p, " must be between 1 and 65536");
  const int64_t norm = c.op.Int("norm_pix_loss");
  if (norm != 0 && norm != 1) return Reject(c, "norm_pix_loss=", norm, " must be 0 or 1");
  RETURN_IF_ERROR(graph::ExpectRank(c, Args::kPred, 3));
  RETURN_IF_ERROR(graph::ExpectFloat(c, Args::kPred));
  RETURN_IF_ERROR(graph::ExpectRank(c, Args::kImages, 4));
  RETURN_IF_ERROR(graph::ExpectSameDType(c, Args::kImages, Args::kPred));
  const TensorType& images = c.in(Args::kImages);
  const int64_t batch = images.dim(0), height = images.dim(2), width = images.dim(3);
  if (images.dim(1) != 3) {
    return Reject(c, "images ", images.ToString(), " have ", images.dim(1), " channels, not 3");
  }
  if (p > height || p > width || height % p != 0 || width % p != 0) {
    return Reject(c, "images ", images.ToString(), " are ", height, " x ", width,
                  " pixels, which patch=", p, " does not divide");
  }
  const int64_t patches = height / p * (width / p);
  RETURN_IF_ERROR(graph::ExpectShape(c, Args::kPred, {batch, patches, p * p * 3}));
  return ExpectType(c, Args::kMask, {DType::kU8, {batch, patches}});
}

absl::StatusOr<std::vector<TensorType>> InferForward(const graph::InferContext& c) {
  RETURN_IF_ERROR(CheckInputs(c));
  const DType dtype = c.in(Args::kPred).dtype;
  return std::vector<TensorType>{{dtype, {1}}, {dtype, {c.in(Args::kPred).dim(0)}}};
}

absl::StatusOr<std::vector<TensorType>> InferGrad(const graph::InferContext& c) {
  RETURN_IF_ERROR(CheckInputs(c));
  RETURN_IF_ERROR(graph::ExpectSameDType(c, Args::kDLoss, Args::kPred));
  RETURN_IF_ERROR(graph::ExpectShape(c, Args::kDLoss, {1}));
  return std::vector<TensorType>{c.in(Args::kPred)};
}

absl::Status MakeGradient(graph::GradientBuilder* g) {
  const graph::Op& op = g->forward();
  if (g->NeedsGrad(Args::kImages)) {
    return InvalidArgument(op.Describe(),
                           ": the images have no gradient; put a StopGradient before them");
  }
  if (g->GradOut(Args::kPerImage) != graph::kNone) {
    return InvalidArgument(op.Describe(),
                           ": per_image has no gradient; differentiate the output loss");
  }
  g->SetGrad(
      Args::kPred,
      g->Op("PixelLossGrad",
            {g->In(Args::kPred), g->In(Args::kImages), g->In(Args::kMask), g->GradOut(Args::kLoss)},
            {{"patch", op.Int("patch")}, {"norm_pix_loss", op.Int("norm_pix_loss")}}));
  return absl::OkStatus();
}

// What both operators have. The cost: for each pixel mean, variance, normalisation and a square.
graph::Schema& AddCommon(graph::Schema& schema) {
  return schema.Attr("patch", int64_t{16}, "p, divides H and W")
      .Attr("norm_pix_loss", int64_t{1}, "1: targets normalised patch by patch")
      .Cost(InputCost(9));
}

}  // namespace

void RegisterPixelLoss(graph::SchemaRegistry* registry) {
  graph::Schema forward("PixelLoss", "mean squared error of the hidden patches' pixels");
  forward.Input("pred", "(B, L, p*p*3)", RowUse::kAllRows)
      .Input("images", "(B, 3, H, W)", RowUse::kAllRows)
      .Input("mask", "(B, L) u8", RowUse::kNone)
      .Output("loss", "{1}")
      .Output("per_image", "(B)");
  registry->Add(AddCommon(forward).Infer(InferForward).Gradient(MakeGradient));

  graph::Schema gradient("PixelLossGrad", "gradient of PixelLoss");
  gradient.Input("pred", "(B, L, p*p*3)", RowUse::kSameRow)
      .Input("images", "(B, 3, H, W)", RowUse::kAllRows)
      .Input("mask", "(B, L) u8", RowUse::kNone)
      .Input("dloss", "{1}", RowUse::kNone)
      .Output("dpred", "(B, L, p*p*3)");
  registry->Add(AddCommon(gradient).InPlace(0, 0).Infer(InferGrad).NotDifferentiable(
      "second derivatives are not supported"));
}

}  // namespace ops::droppos

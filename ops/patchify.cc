#include "ops/patchify.h"

#include "graph/base/status.h"
#include "ops/shapes.h"

namespace ops {
namespace {

absl::StatusOr<std::vector<graph::TensorType>> InferPatchify(const graph::InferContext& c) {
  RETURN_IF_ERROR(graph::ExpectFloat(c, 0));
  RETURN_IF_ERROR(graph::ExpectRank(c, 0, 4));
  RETURN_IF_ERROR(ExpectIntAtLeast(c, "patch", 1));
  const graph::TensorType& x = c.in(0);
  const int64_t p = c.op.Int("patch");
  for (int i : {2, 3}) {
    const char* side = i == 2 ? "height " : "width ";
    // From here on C * p * p is at most the elements of an image and cannot overflow.
    if (p > x.dim(i)) {
      return Reject(c, InputText(c, 0, "images"), " has ", side, x.dim(i), ", less than patch ", p);
    }
    if (x.dim(i) % p != 0) {
      return Reject(c, InputText(c, 0, "images"), " has ", side, x.dim(i),
                    ", not divisible by patch ", p);
    }
  }
  return std::vector<graph::TensorType>{
      {x.dtype, {x.dim(0), x.dim(2) / p * (x.dim(3) / p), x.dim(1) * p * p}}};
}

}  // namespace

void RegisterPatchify(graph::SchemaRegistry* registry) {
  registry->Add(graph::Schema("Patchify", "an image as rows of flattened patches")
                    .Input("images", "(B, C, H, W)", graph::RowUse::kAllRows)
                    .Output("y", "(B, L, C*p*p)")
                    .Attr("patch", int64_t{16}, "p, divides H and W, at most both")
                    .Infer(InferPatchify)
                    .ElementwiseCost(0)
                    .NotDifferentiable("images are data"));
}

}  // namespace ops

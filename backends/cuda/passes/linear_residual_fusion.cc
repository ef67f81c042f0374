// Adds the residual in the product that ends its branch.
//
//   before                                      after
//   p f32[8,32] = Linear(x, w, b) @proj         s f32[8,32] = LinearResidual(x, w, b, r) @proj
//   s f32[8,32] = Add(r, p) @residual
//
// The new operator stands where the addition stood and has the name of the product.
//
// The addition could be joined with the norm behind it instead, as on the CPU
// (residual_norm_fusion). With a stream in f32 and products in bf16 both move 14 bytes an
// element: the branch (2 + 2), the stream (4 + 4) and the norm's result (2), or the stream
// (4 + 4), its sum again (4) and the norm's result (2). Here, though,
//   8 of them are moved while tensor cores multiply, and the norm's kernel, which has
//   nothing to hide behind, moves 6 instead of 12;
//   the result is f32, to which cuBLASLt adds an f32 bias: no copy of it, no epilogue of ours;
//   the branch is not rounded to bf16;
//   in a net that is all f32 it is 16 bytes instead of 20.
//
// Preconditions: gradients have been taken; linear_fusion has run; the addition is the only
// reader of p, which is not a root; p, r and s have one type, f32 or f64; both operators are
// of one phase, and both or none recomputed.
//
// Does not apply to a branch whose images are scaled (ScaleImages, of drop path): cuBLASLt scales
// columns, not rows, and an epilogue of ours would read the product once more. There
// residual_norm_fusion takes scale, addition and norm together, at the bytes reckoned above. Nor
// where x, w or b is a state that is overwritten between the two, or by the
// addition.
#include <string>
#include <utility>
#include <vector>

#include "backends/cuda/passes/passes.h"
#include "graph/base/status.h"
#include "graph/passes/rewrite.h"

namespace backends::cuda {
namespace {

// Whether operand `k` of `add`, operator `i`, is a product that can take the other one in.
bool Matches(const graph::Net& net, const graph::Uses& uses, graph::OpId i, int k) {
  const graph::Op& add = net.ops[i];
  const graph::BlobId branch = add.inputs[k], residual = add.inputs[1 - k], sum = add.outputs[0];
  const graph::OpId at = uses.producer[branch];
  if (at == graph::kNone || !uses.SingleUse(branch)) return false;
  const graph::Op& linear = net.ops[at];
  if (linear.type != "Linear" || linear.Str("activation") != "none") return false;
  if (linear.phase != add.phase || linear.recomputed != add.recomputed) return false;
  const graph::TensorType& type = net.type(sum);
  if (type.dtype == graph::DType::kBF16) return false;
  if (net.type(branch) != type || net.type(residual) != type) return false;
  for (graph::BlobId input : linear.inputs) {
    if (uses.overwritten_at[input] <= i) return false;
  }
  return true;
}

absl::StatusOr<bool> Run(graph::Net* net, const graph::SchemaRegistry& registry) {
  const graph::Uses uses(*net);
  std::vector<bool> drop(net->ops.size(), false);
  for (graph::OpId i = 0; i < static_cast<graph::OpId>(net->ops.size()); ++i) {
    const graph::Op& add = net->ops[i];
    if (add.type != "Add") continue;
    for (const int k : {1, 0}) {
      if (!Matches(*net, uses, i, k)) continue;
      const graph::OpId at = uses.producer[add.inputs[k]];
      const graph::Op& linear = net->ops[at];
      graph::Op fused = graph::NewOp("LinearResidual", linear.name, linear);
      fused.inputs = linear.inputs;
      fused.inputs.push_back(add.inputs[1 - k]);
      fused.outputs = add.outputs;
      RETURN_IF_ERROR(registry.CompleteAttrs(&fused));
      net->ops[i] = std::move(fused);
      drop[at] = true;
      break;
    }
  }
  return graph::DropOps(drop, net);
}

}  // namespace

graph::Pass LinearResidualFusionPass() { return {"linear_residual_fusion", Run}; }

}  // namespace backends::cuda

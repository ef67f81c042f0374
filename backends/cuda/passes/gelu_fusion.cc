// Computes GELU, forward, and its derivative, backward, in the epilogue of the product
// beside it.
//
//   before                                      after
//   p f32[8,64] = Linear(x, w, b) @fc1          y f32[8,64], p f32[8,64] =
//   y f32[8,64] = Gelu(p) @act                      LinearGelu(x, w, b) @fc1
//   dy f32[8,64] = MatMul(dz, v) @grad/fc2      dp f32[8,64] =
//   dp f32[8,64] = GeluGrad(p, dy) @grad/act        MatMulGeluGrad(dz, v, p) @grad/fc2
//
// Two rewrites, each on its own; the new operator has the place and the name of the
// product. In bf16 the first saves the reading of p, 2 bytes an element, the second the
// writing and reading of dy, 4 bytes. The CPU keeps the derivative instead of p
// (gelu_derivative); a GPU computes it while it waits for memory, and p is what an
// epilogue of a library can write.
//
// Preconditions: gradients have been taken; both operators are of one phase, and both
// or none recomputed, so that recomputing a GELU alone is not undone. Forward: something
// else reads p; where nothing does linear_fusion has made one Linear of both, which does
// not store it. Backward: GeluGrad is the only reader of dy, which is not a root and has
// nothing multiplied in yet; p is made before the product.
//
// Does not apply where y or dp is a state's value at exit: it would be written earlier.
#include <string>
#include <utility>
#include <vector>

#include "backends/cuda/passes/passes.h"
#include "graph/base/status.h"
#include "graph/passes/rewrite.h"

namespace backends::cuda {
namespace {

// The product and what it makes of its result, `op`, become `fused`, in the product's place.
struct Match {
  graph::OpId product = graph::kNone;
  graph::Op fused;
};

bool RunTogether(const graph::Op& a, const graph::Op& b) {
  return a.phase == b.phase && a.recomputed == b.recomputed;
}

Match MatchForward(const graph::Net& net, const graph::Uses& uses, const graph::Op& gelu) {
  const graph::BlobId pre = gelu.inputs[0], y = gelu.outputs[0];
  const graph::OpId at = uses.producer[pre];
  if (at == graph::kNone || uses.SingleUse(pre) || uses.is_changed_exit[y]) return {};
  const graph::Op& linear = net.ops[at];
  if (linear.type != "Linear" || linear.Str("activation") != "none") return {};
  if (!RunTogether(linear, gelu)) return {};
  graph::Op fused = graph::NewOp("LinearGelu", linear.name, linear);
  fused.inputs = linear.inputs;
  fused.outputs = {y, pre};
  fused.attrs["dtype"] = linear.attrs.at("dtype");
  return {at, std::move(fused)};
}

Match MatchBackward(const graph::Net& net, const graph::Uses& uses, const graph::Op& grad) {
  const graph::BlobId pre = grad.inputs[0], dy = grad.inputs[1], dx = grad.outputs[0];
  const graph::OpId at = uses.producer[dy];
  if (at == graph::kNone || !uses.SingleUse(dy) || uses.is_changed_exit[dx]) return {};
  const graph::Op& product = net.ops[at];
  if (product.type != "MatMul" || product.inputs.size() != 2) return {};
  if (uses.producer[pre] >= at || !RunTogether(product, grad)) return {};
  graph::Op fused = graph::NewOp("MatMulGeluGrad", product.name, product);
  fused.inputs = {product.inputs[0], product.inputs[1], pre};
  fused.outputs = {dx};
  fused.attrs = product.attrs;
  return {at, std::move(fused)};
}

absl::StatusOr<bool> Run(graph::Net* net, const graph::SchemaRegistry& registry) {
  // Positions hold during the sweep: each new operator takes that of its product.
  const graph::Uses uses(*net);
  std::vector<bool> drop(net->ops.size(), false);
  for (size_t i = 0; i < net->ops.size(); ++i) {
    const graph::Op& op = net->ops[i];
    Match match;
    if (op.type == "Gelu") match = MatchForward(*net, uses, op);
    if (op.type == "GeluGrad") match = MatchBackward(*net, uses, op);
    if (match.product == graph::kNone) continue;
    RETURN_IF_ERROR(registry.CompleteAttrs(&match.fused));
    net->ops[match.product] = std::move(match.fused);
    drop[i] = true;
  }
  return graph::DropOps(drop, net);
}

}  // namespace

graph::Pass GeluFusionPass() { return {"gelu_fusion", Run}; }

}  // namespace backends::cuda

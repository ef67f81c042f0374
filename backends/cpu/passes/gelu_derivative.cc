// Computes the derivative of Gelu beside Gelu, and multiplies it into the product
// that makes the incoming gradient, so that the backward pass has no Gelu of its own.
//
//   before                                   after
//   y f32[8,64] = Gelu(x) @act               y f32[8,64], d f32[8,64] =
//                                                GeluWithDerivative(x) @act
//   dy f32[8,64] = MatMul(dz, w)             dx f32[8,64] = MatMul(dz, w, d)
//   dx f32[8,64] = GeluGrad(x, dy)
//
// The product keeps its place and its name and takes `d` as its input `times`.
// Nothing reads x any more where only the two read it: d is kept instead.
//
// Preconditions: gradients have been taken; GeluGrad is the only reader of dy, which
// is a MatMul's (nothing multiplied in yet) and not a root; the
// Gelu stands before the product.
//
// Does not apply where dx is a state's value at exit: it would be written earlier.
//
// When it hurts: where something else keeps x, there is one tensor more to keep.
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "backends/cpu/passes/passes.h"
#include "graph/passes/rewrite.h"

namespace backends::cpu {
namespace {

// The first operator before `end` that computes Gelu of `x`, or kNone.
graph::OpId FindGelu(const graph::Net& net, const graph::Uses& uses, graph::BlobId x,
                     graph::OpId end) {
  for (const graph::Uses::Reader& reader : uses.readers[x]) {
    const std::string& type = net.ops[reader.op].type;
    if (reader.op < end && (type == "Gelu" || type == "GeluWithDerivative")) return reader.op;
  }
  return graph::kNone;
}

absl::StatusOr<bool> Run(graph::Net* net, const graph::SchemaRegistry& registry) {
  const graph::Uses uses(*net);
  std::vector<bool> drop(net->ops.size(), false);
  for (size_t i = 0; i < net->ops.size(); ++i) {
    const graph::Op& grad = net->ops[i];
    if (grad.type != "GeluGrad" || uses.is_changed_exit[grad.outputs[0]]) continue;
    const graph::BlobId x = grad.inputs[0], dy = grad.inputs[1];
    const graph::OpId at = uses.producer[dy];
    if (at == graph::kNone || !uses.SingleUse(dy)) continue;
    graph::Op& product = net->ops[at];
    if (product.type != "MatMul" || product.inputs.size() != 2) continue;
    const graph::OpId forward = FindGelu(*net, uses, x, at);
    if (forward == graph::kNone) continue;
    graph::Op& gelu = net->ops[forward];
    if (gelu.type == "Gelu") {
      const graph::BlobId y = gelu.outputs[0];
      graph::Op both = graph::NewOp("GeluWithDerivative", gelu.name, gelu);
      both.inputs = gelu.inputs;
      both.outputs = {
          y, graph::AddNewBlob(absl::StrCat(net->blob(y).name, ".derivative"), net->type(x), net)};
      RETURN_IF_ERROR(registry.CompleteAttrs(&both));
      gelu = both;
    }
    product.inputs.push_back(gelu.outputs[1]);
    product.outputs = grad.outputs;
    drop[i] = true;
  }
  return graph::DropOps(drop, net);
}

}  // namespace

graph::Pass GeluDerivativePass() { return {"gelu_derivative", Run}; }

}  // namespace backends::cpu

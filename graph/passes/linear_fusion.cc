// Joins a matrix product, its bias and an activation into one operator, so that
// bias and activation are applied while the product is still in cache.
//
//   before                                        after
//   p f32[8,64] = MatMul(x, w) trans_w=1 @fc      y f32[8,64] = Linear(x, w, b)
//   q f32[8,64] = BiasAdd(p, b)                       activation="gelu" @fc
//   y f32[8,64] = Gelu(q)
//
// Two rewrites, applied in one sweep, each on its own:
//   MatMul (trans_w=1) + BiasAdd  ->  Linear activation="none"
//   Linear activation="none" + Gelu  ->  Linear activation="gelu"
// The new operator stands where the last of the old ones stood, has the name of
// the product, and defines the blob that the last one defined.
//
// Preconditions: gradients have been taken; the bias is a vector (N) with an
// element for each column; the intermediate value has no other reader and is
// not a root. In a training net GeluGrad reads the pre-activation, so there the
// second rewrite happens in the guide only.
//
// Does not apply where x, w or b is a state that is overwritten between the old operators.
#include <string>
#include <utility>
#include <vector>

#include "graph/passes/passes.h"
#include "graph/passes/rewrite.h"

namespace graph {
namespace {

// The Linear that computes what `producer` and then its only reader `op`
// compute; an operator without a type where the two do not match.
Op Fused(const Net& net, const Op& producer, const Op& op) {
  Op linear = NewOp("", producer.name, producer);
  if (op.type == "BiasAdd" && producer.type == "MatMul" && producer.Int("trans_w") == 1 &&
      producer.inputs.size() == 2) {
    const TensorType& bias = net.type(op.inputs[1]);
    if (bias.rank() != 1 || bias.dim(0) != net.type(op.inputs[0]).cols()) return linear;
    linear.inputs = {producer.inputs[0], producer.inputs[1], op.inputs[1]};
    linear.attrs["activation"] = std::string("none");
  } else if (op.type == "Gelu" && producer.type == "Linear" &&
             producer.Str("activation") == "none") {
    linear.inputs = producer.inputs;
    linear.attrs["activation"] = std::string("gelu");
  } else {
    return linear;
  }
  linear.attrs["dtype"] = producer.attrs.at("dtype");
  linear.type = "Linear";
  linear.outputs = op.outputs;
  return linear;
}

absl::StatusOr<bool> Run(Net* net, const SchemaRegistry& registry) {
  const Uses uses(*net);
  std::vector<bool> drop(net->ops.size(), false);
  // A new operator takes the place of the last one it replaces, so positions,
  // and with them `uses`, stay right during the sweep.
  for (size_t i = 0; i < net->ops.size(); ++i) {
    const Op& op = net->ops[i];
    if (op.type != "BiasAdd" && op.type != "Gelu") continue;
    const BlobId between = op.inputs[0];
    const OpId producer = uses.producer[between];
    if (producer == kNone || !uses.SingleUse(between)) continue;
    Op linear = Fused(*net, net->ops[producer], op);
    if (linear.type.empty()) continue;
    bool still_there = true;
    for (BlobId input : linear.inputs) {
      if (uses.overwritten_at[input] <= static_cast<OpId>(i)) still_there = false;
    }
    if (!still_there) continue;
    RETURN_IF_ERROR(registry.CompleteAttrs(&linear));
    net->ops[i] = std::move(linear);
    drop[producer] = true;
  }
  return DropOps(drop, net);
}

}  // namespace

Pass LinearFusionPass() { return {"linear_fusion", Run}; }

}  // namespace graph

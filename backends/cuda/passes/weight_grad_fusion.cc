// Computes both gradients of a Linear's parameters in one operator, and adds what earlier
// micro-batches have summed of the weight's.
//
//   before                                      after
//   db f32[8] = SumToShape(dy) @grad/b          dw f32[8,4], db f32[8] =
//   dw f32[8,4] = MatMulWeightGrad(dy, x)           LinearWeightGrad(dy, x) @grad/w
//       @grad/w
//
//   a.out f32[8,4] = Add(a, dw) @accum/w        a.out f32[8,4], db f32[8] =
//                                                   LinearWeightGrad(dy, x, a) @grad/w
//
// The new operator has the place and the name of the product. dy is read once instead of
// twice: where it is a gradient of the residual stream, the sum read it in f32, and reads
// the bf16 copy now that the product reads, as official autocast does. The sum over
// micro-batches is the product's beta, in place where it is a state's value at exit: 8 bytes
// a number instead of 16. That of the bias, M numbers, stays an Add.
//
// Preconditions: gradients have been taken; the sum is over all rows, of the same phase as the
// product, and nothing reads it before the product. The addition is the only reader of the
// product, which is not a root, and adds a state or an input of its type.
//
// Does not apply to sums that are a state's value at exit and stood behind the product, nor to
// an addition whose result is the exit of a state that is read after the product: both would be
// written earlier. A product without a bias keeps its Add.
#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "backends/cuda/passes/passes.h"
#include "graph/base/status.h"
#include "graph/passes/rewrite.h"

namespace backends::cuda {
namespace {

using graph::BlobId;
using graph::kNone;
using graph::OpId;

// The operator that sums the columns of what operator `product` reads first, or kNone.
OpId FindSum(const graph::Net& net, const graph::Uses& uses, OpId product,
             const std::vector<bool>& drop) {
  const BlobId dy = net.ops[product].inputs[0];
  for (const graph::Uses::Reader& reader : uses.readers[dy]) {
    const graph::Op& sum = net.ops[reader.op];
    if (sum.type != "SumToShape" || drop[reader.op]) continue;
    if (sum.phase != net.ops[product].phase) continue;
    const BlobId db = sum.outputs[0];
    if (net.type(db).shape != graph::Shape{net.type(dy).cols()}) continue;
    if (reader.op > product && uses.is_changed_exit[db]) continue;
    if (std::any_of(uses.readers[db].begin(), uses.readers[db].end(),
                    [product](const auto& r) { return r.op < product; })) {
      continue;
    }
    return reader.op;
  }
  return kNone;
}

// The addition that operator `product` can do itself, or kNone; `so_far`: what is added.
OpId FindAddition(const graph::Net& net, const graph::Uses& uses, OpId product, BlobId* so_far) {
  const BlobId dw = net.ops[product].outputs[0];
  if (!uses.SingleUse(dw)) return kNone;
  const graph::Uses::Reader reader = uses.readers[dw][0];
  const graph::Op& add = net.ops[reader.op];
  if (add.type != "Add") return kNone;
  *so_far = add.inputs[1 - reader.input];
  const BlobId sum = add.outputs[0];
  if (uses.producer[*so_far] != kNone) return kNone;
  if (net.type(*so_far) != net.type(dw) || net.type(sum) != net.type(dw)) return kNone;
  if (!uses.is_changed_exit[sum]) return reader.op;
  for (const graph::State& state : net.states) {
    if (state.exit != sum) continue;
    for (const graph::Uses::Reader& r : uses.readers[state.entry]) {
      if (r.op >= product && r.op != reader.op) return kNone;
    }
  }
  return reader.op;
}

absl::StatusOr<bool> Run(graph::Net* net, const graph::SchemaRegistry& registry) {
  // Positions hold during the sweep: each new operator takes that of its product.
  const graph::Uses uses(*net);
  std::vector<bool> drop(net->ops.size(), false);
  for (OpId i = 0; i < static_cast<OpId>(net->ops.size()); ++i) {
    const graph::Op& product = net->ops[i];
    if (product.type != "MatMulWeightGrad") continue;
    const OpId sum = FindSum(*net, uses, i, drop);
    if (sum == kNone) continue;
    graph::Op fused = graph::NewOp("LinearWeightGrad", product.name, product);
    fused.inputs = product.inputs;
    fused.outputs = {product.outputs[0], net->ops[sum].outputs[0]};
    fused.attrs = product.attrs;
    drop[sum] = true;
    BlobId so_far = kNone;
    const OpId add = FindAddition(*net, uses, i, &so_far);
    if (add != kNone) {
      fused.inputs.push_back(so_far);
      fused.outputs[0] = net->ops[add].outputs[0];
      drop[add] = true;
    }
    RETURN_IF_ERROR(registry.CompleteAttrs(&fused));
    net->ops[i] = std::move(fused);
  }
  return graph::DropOps(drop, net);
}

}  // namespace

graph::Pass WeightGradFusionPass() { return {"weight_grad_fusion", Run}; }

}  // namespace backends::cuda

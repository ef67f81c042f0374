// Multiplies all rows once where some of them are multiplied beside: a model embeds
// the visible patches for the encoder and all patches for the guide.
//
//   before                                      after
//   v f32[B,V,K] = GatherRows(p, ids)           v f32[B,V,K] = GatherRows(p, ids)
//                                               z f32[B,L,N] = MatMul(p, w) @all
//   y f32[B,V,N] = MatMul(v, w) @some           y f32[B,V,N] = GatherRows(z, ids) @some
//   z f32[B,L,N] = MatMul(p, w) @all
//
// The product of all rows moves in front of its new reader if it stood after it. The
// rows of p stay for other readers (the gradient of w) and go where there are none.
//
// Preconditions: gradients have been taken; both are plain products (nothing packed,
// nothing multiplied in) of the same w with the same attributes.
//
// Does not apply where the product of all rows is a state's value at exit.
//
// When it hurts: the product of all rows lives from its first reader to its last.
#include <algorithm>
#include <utility>
#include <vector>

#include "graph/passes/passes.h"
#include "graph/passes/rewrite.h"

namespace graph {
namespace {

bool IsPlainProduct(const Op& op) { return op.type == "MatMul" && op.inputs.size() == 2; }

// The product of all rows of `all` that differs from `some` in that alone, or kNone.
OpId FindWhole(const Net& net, const Uses& uses, const Op& some, BlobId all,
               const PipelineOptions& options) {
  for (const Uses::Reader& reader : uses.readers[all]) {
    const Op& op = net.ops[reader.op];
    if (IsPlainProduct(op) && reader.input == 0 && op.inputs[1] == some.inputs[1] &&
        op.attrs == some.attrs && op.phase == some.phase && !uses.is_changed_exit[op.outputs[0]] &&
        PrecisionOf(options, op.part) == PrecisionOf(options, some.part)) {
      return reader.op;
    }
  }
  return kNone;
}

// The first rewrite there is; false where there is none.
absl::StatusOr<bool> ShareOne(const PipelineOptions& options, Net* net,
                              const SchemaRegistry& registry) {
  const Uses uses(*net);
  for (OpId i = 0; i < static_cast<OpId>(net->ops.size()); ++i) {
    const Op& some = net->ops[i];
    if (!IsPlainProduct(some)) continue;
    const BlobId rows = some.inputs[0];
    const OpId gather = uses.producer[rows];
    if (gather == kNone || net->ops[gather].type != "GatherRows") continue;
    const BlobId all = net->ops[gather].inputs[0];
    const OpId whole = FindWhole(*net, uses, some, all, options);
    if (whole == kNone) continue;

    Op taken = NewOp("GatherRows", some.name, some);
    taken.inputs = {net->ops[whole].outputs[0], net->ops[gather].inputs[1]};
    taken.outputs = some.outputs;
    RETURN_IF_ERROR(registry.CompleteAttrs(&taken));
    net->ops[i] = std::move(taken);
    const auto ops = net->ops.begin();
    if (whole > i) std::rotate(ops + i, ops + whole, ops + whole + 1);
    if (uses.SingleUse(rows)) net->ops.erase(ops + gather);  // stands before both
    FinishRewrite(net);
    return true;
  }
  return false;
}

absl::StatusOr<bool> Run(const PipelineOptions& options, Net* net, const SchemaRegistry& registry) {
  for (bool changed = false;; changed = true) {
    ASSIGN_OR_RETURN(const bool shared, ShareOne(options, net, registry));
    if (!shared) return changed;
  }
}

}  // namespace

Pass SharedRowsPass(const PipelineOptions& options) {
  return {"shared_rows", [options](Net* net, const SchemaRegistry& registry) {
            return Run(options, net, registry);
          }};
}

}  // namespace graph

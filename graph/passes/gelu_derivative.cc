#include "graph/passes/gelu_derivative.h"

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "graph/passes/rewrite.h"

namespace graph {
namespace {

// The first operator before `end` that computes Gelu of `x`, or kNone.
OpId FindGelu(const Net& net, const Uses& uses, BlobId x, OpId end) {
  for (const Uses::Reader& reader : uses.readers[x]) {
    const std::string& type = net.ops[reader.op].type;
    if (reader.op < end && (type == "Gelu" || type == "GeluWithDerivative")) return reader.op;
  }
  return kNone;
}

}  // namespace

absl::StatusOr<bool> GeluDerivativePass::Run(Net* net, const SchemaRegistry& registry) const {
  const Uses uses(*net);
  const std::vector<bool> is_exit = ChangedExits(*net);
  std::vector<bool> drop(net->ops.size(), false);
  bool changed = false;
  for (size_t i = 0; i < net->ops.size(); ++i) {
    const Op& grad = net->ops[i];
    if (grad.type != "GeluGrad" || is_exit[grad.outputs[0]]) continue;
    const BlobId x = grad.inputs[0], dy = grad.inputs[1];
    const OpId at = uses.producer[dy];
    if (at == kNone || !uses.SingleUse(dy)) continue;
    Op& product = net->ops[at];
    if (product.type != "MatMul" || product.inputs.size() != 2 || product.Int("packed") != 0) {
      continue;
    }
    const OpId forward = FindGelu(*net, uses, x, at);
    if (forward == kNone) continue;
    Op& gelu = net->ops[forward];
    if (gelu.type == "Gelu") {
      const BlobId y = gelu.outputs[0];
      Op both = NewOp("GeluWithDerivative", gelu.name, gelu);
      both.inputs = gelu.inputs;
      both.outputs = {
          y, AddNewBlob(absl::StrCat(net->blob(y).name, ".derivative"), net->type(x), net)};
      RETURN_IF_ERROR(registry.CompleteAttrs(&both));
      gelu = both;
    }
    product.inputs.push_back(gelu.outputs[1]);
    product.outputs = grad.outputs;
    drop[i] = true;
    changed = true;
  }
  if (changed) FinishRewrite(drop, net);
  return changed;
}

}  // namespace graph

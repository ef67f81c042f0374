#include "graph/passes/residual_norm_fusion.h"

#include <utility>
#include <vector>

#include "graph/passes/rewrite.h"

namespace graph {
namespace {

bool Matches(const Net& net, const Op& add, const Op& norm, const std::vector<bool>& is_exit) {
  if (add.type != "Add" || is_exit[add.outputs[0]]) return false;
  const TensorType& sum = net.type(add.outputs[0]);
  if (net.type(add.inputs[0]) != sum || net.type(add.inputs[1]) != sum) return false;
  for (BlobId output : norm.outputs) {
    if (is_exit[output]) return false;
  }
  return true;
}

}  // namespace

absl::StatusOr<bool> ResidualNormFusionPass::Run(Net* net, const SchemaRegistry& registry) const {
  const Uses uses(*net);
  const std::vector<bool> is_exit = ChangedExits(*net);
  std::vector<bool> drop(net->ops.size(), false);
  bool changed = false;
  for (size_t i = 0; i < net->ops.size(); ++i) {
    const Op& norm = net->ops[i];
    if (norm.type != "LayerNorm") continue;
    const BlobId gamma = norm.inputs[1];
    const BlobId beta = norm.inputs[2];
    const OpId at = uses.producer[norm.inputs[0]];
    if (at == kNone || !Matches(*net, net->ops[at], norm, is_exit)) continue;
    if (uses.producer[gamma] >= at || uses.producer[beta] >= at) continue;

    const Op& add = net->ops[at];
    Op fused;
    fused.type = "AddLayerNorm";
    fused.name = norm.name;
    fused.inputs = {add.inputs[0], add.inputs[1], gamma, beta};
    fused.outputs = {add.outputs[0]};
    fused.outputs.insert(fused.outputs.end(), norm.outputs.begin(), norm.outputs.end());
    fused.attrs = norm.attrs;
    RETURN_IF_ERROR(registry.CompleteAttrs(&fused));
    net->ops[at] = std::move(fused);
    drop[i] = true;
    changed = true;
  }
  if (changed) FinishRewrite(drop, net);
  return changed;
}

}  // namespace graph

#include "graph/passes/stop_gradient.h"

#include <numeric>
#include <vector>

#include "graph/passes/rewrite.h"

namespace graph {

absl::StatusOr<bool> StopGradientPass::Run(Net* net, const SchemaRegistry&) const {
  const Uses uses(*net);
  const std::vector<OpId> overwritten = OverwrittenAt(*net);
  std::vector<BlobId> stands_for(net->blobs.size());
  std::iota(stands_for.begin(), stands_for.end(), 0);
  std::vector<bool> drop(net->ops.size(), false);
  bool changed = false;
  for (size_t i = 0; i < net->ops.size(); ++i) {
    Op& op = net->ops[i];
    for (BlobId& input : op.inputs) input = stands_for[input];
    if (op.type != "StopGradient" || uses.is_root[op.outputs[0]]) continue;
    const BlobId operand = op.inputs[0];
    const std::vector<Uses::Reader>& readers = uses.readers[op.outputs[0]];
    if (!readers.empty() && readers.back().op >= overwritten[operand]) continue;
    stands_for[op.outputs[0]] = operand;
    drop[i] = true;
    changed = true;
  }
  if (changed) FinishRewrite(drop, net);
  return changed;
}

}  // namespace graph

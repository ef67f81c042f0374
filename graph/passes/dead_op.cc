#include "graph/passes/dead_op.h"

#include <vector>

#include "graph/passes/rewrite.h"

namespace graph {

absl::StatusOr<bool> DeadOpPass::Run(Net* net, const SchemaRegistry&) const {
  std::vector<bool> needed(net->blobs.size(), false);
  for (BlobId output : net->outputs) needed[output] = true;
  for (const State& state : net->states) needed[state.exit] = true;

  std::vector<bool> drop(net->ops.size(), true);
  bool changed = false;
  for (size_t i = net->ops.size(); i-- > 0;) {
    const Op& op = net->ops[i];
    for (BlobId output : op.outputs) {
      if (needed[output]) drop[i] = false;
    }
    if (drop[i]) {
      changed = true;
    } else {
      for (BlobId input : op.inputs) needed[input] = true;
    }
  }
  if (changed) FinishRewrite(drop, net);
  return changed;
}

}  // namespace graph

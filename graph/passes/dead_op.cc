// Drops operators that nothing needs.
//
//   before                          after
//   y f32[8] = Gelu(x)              y f32[8] = Gelu(x)
//   z f32[8] = Add(y, x)            output y
//   w f32[8] = Gelu(z)
//   output y
//
// An operator stays when one of its outputs is a root (an output of the net, a
// state's value at exit) or is read by an operator that stays. One sweep from
// the last operator to the first. Inputs and states of the net stay even when
// nothing reads them: they are its interface.
#include <vector>

#include "graph/passes/passes.h"
#include "graph/passes/rewrite.h"

namespace graph {
namespace {

absl::StatusOr<bool> Run(Net* net, const SchemaRegistry&) {
  std::vector<bool> needed = Uses(*net).is_root;
  std::vector<bool> drop(net->ops.size(), true);
  for (size_t i = net->ops.size(); i-- > 0;) {
    const Op& op = net->ops[i];
    for (BlobId output : op.outputs) {
      if (needed[output]) drop[i] = false;
    }
    if (drop[i]) continue;
    for (BlobId input : op.inputs) needed[input] = true;
  }
  return DropOps(drop, net);
}

}  // namespace

Pass DeadOpPass() { return {"dead_op", Run}; }

}  // namespace graph

#include "backends/cpu/passes/weight_copies.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "graph/passes/rewrite.h"

namespace backends::cpu {

std::vector<graph::BlobId> StatesBehind(const graph::Net& net) {
  std::vector<graph::BlobId> states(net.blobs.size(), graph::kNone);
  for (const graph::State& state : net.states) states[state.entry] = state.entry;
  for (const graph::Op& op : net.ops) {
    if (op.type == "Cast") states[op.outputs[0]] = states[op.inputs[0]];
  }
  return states;
}

graph::Op CopyOp(const graph::Net& net, const std::string& type, const std::string& prefix,
                 graph::BlobId state, const graph::Op& reader) {
  const std::string& parameter = net.blob(state).name;
  graph::Op copy = graph::NewOp(type, absl::StrCat(prefix, "/", parameter), reader);
  copy.part = parameter;
  copy.inputs = {state};
  return copy;
}

void InsertCopies(std::vector<std::vector<graph::Op>> copies, graph::Net* net) {
  graph::InsertOps(std::move(copies), {}, net);
  const graph::Uses uses(*net);
  const std::vector<graph::BlobId> states = StatesBehind(*net);
  const auto is_unread = [&](const graph::Op& op) {
    const graph::BlobId b = op.outputs[0];
    return op.type == "Cast" && states[b] != graph::kNone && uses.readers[b].empty() &&
           !uses.is_root[b];
  };
  net->ops.erase(std::remove_if(net->ops.begin(), net->ops.end(), is_unread), net->ops.end());
  graph::FinishRewrite(net);
}

}  // namespace backends::cpu

// What the passes that copy weights into another layout have in common.
#ifndef BACKENDS_CPU_PASSES_WEIGHT_COPIES_H_
#define BACKENDS_CPU_PASSES_WEIGHT_COPIES_H_

#include <string>
#include <vector>

#include "graph/ir/net.h"

namespace backends::cpu {

// By blob: the state whose value at entry it is, or is cast from; kNone where it is neither.
std::vector<graph::BlobId> StatesBehind(const graph::Net& net);

// An operator `type` without outputs that reads `state`, for the first time for `reader`; named
// "<prefix>/<parameter>", in the parameter's part.
graph::Op CopyOp(const graph::Net& net, const std::string& type, const std::string& prefix,
                 graph::BlobId state, const graph::Op& reader);

// Puts copies[i] in front of operator i, and drops the Casts of states that nothing reads any more.
void InsertCopies(std::vector<std::vector<graph::Op>> copies, graph::Net* net);

}  // namespace backends::cpu

#endif  // BACKENDS_CPU_PASSES_WEIGHT_COPIES_H_

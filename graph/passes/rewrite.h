// What the rewriting passes have in common.
#ifndef GRAPH_PASSES_REWRITE_H_
#define GRAPH_PASSES_REWRITE_H_

#include <string>
#include <vector>

#include "graph/ir/net.h"

namespace graph {

// By blob: for the entry value of a state that changes, the operator that writes
// the exit value over it; the number of operators for every other blob. A pass
// may move or add a reader only in front of that operator.
std::vector<OpId> OverwrittenAt(const Net& net);

// By blob: whether it is the value at exit of a state that changes.
std::vector<bool> ChangedExits(const Net& net);

// Adds a blob called `name`, or where that is taken `name`~2, ~3, ...
BlobId AddNewBlob(const std::string& name, const TensorType& type, Net* net);

// Puts before[i] and after[i] around operator i; each is empty or has one list an operator.
void InsertOps(std::vector<std::vector<Op>> before, std::vector<std::vector<Op>> after, Net* net);

// An operator without inputs and outputs that has `like`'s phase and part: what replaces or
// serves an operator runs when it does, and belongs where it does.
Op NewOp(const std::string& type, const std::string& name, const Op& like);

// Ends a rewrite: gives operators of equal names names of their own ("~2"; the first keeps
// it), drops the operators marked in `drop` (one flag an operator)
// and the blobs that nothing mentions any more. In-place annotations hold only
// for the net they were made for and are dropped as well; without them a net is
// just as valid, and the in_place pass, which comes last, makes new ones.
void FinishRewrite(const std::vector<bool>& drop, Net* net);

}  // namespace graph

#endif  // GRAPH_PASSES_REWRITE_H_

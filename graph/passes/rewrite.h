// What the rewriting passes have in common.
#ifndef GRAPH_PASSES_REWRITE_H_
#define GRAPH_PASSES_REWRITE_H_

#include <string>
#include <vector>

#include "graph/ir/net.h"

namespace graph {

// Adds a blob called `name`, or where that is taken `name`~2, ~3, ...
BlobId AddNewBlob(const std::string& name, const TensorType& type, Net* net);

// Puts before[i] and after[i] around operator i; `after` may be empty.
void InsertOps(std::vector<std::vector<Op>> before, std::vector<std::vector<Op>> after, Net* net);

// An operator without inputs and outputs that has `like`'s phase and part: what replaces or
// serves an operator runs when it does, and belongs where it does.
Op NewOp(const std::string& type, const std::string& name, const Op& like);

// Ends a rewrite: gives operators of equal names names of their own ("~2"; the first keeps
// it) and drops the blobs that nothing mentions any more. In-place annotations hold only
// for the net they were made for and are dropped as well; without them a net is
// just as valid, and the in_place pass, which comes last, makes new ones.
void FinishRewrite(Net* net);

// Drops the operators marked in `drop` (one flag an operator) and ends the rewrite. False, and
// nothing is done, where none is marked: for rewrites that drop whatever they replace.
bool DropOps(const std::vector<bool>& drop, Net* net);

}  // namespace graph

#endif  // GRAPH_PASSES_REWRITE_H_

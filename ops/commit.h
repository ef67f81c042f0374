// Commit: the new value of a state, unless the step changes nothing.
//
//   applied  (1) i32: 1, or 0 for a step that changes nothing (ClipFactors)
//   before   (...) float: the state at entry
//   after    like before: what it becomes in a step that is applied
//   y        like before: `after` or `before`, bit for bit
//
// In place: y over before. No gradient: it is no part of the loss. Training nets commit their
// buffers so (models/training/nets.h).
#ifndef OPS_COMMIT_H_
#define OPS_COMMIT_H_

#include "graph/schema/schema.h"

namespace ops {

void RegisterCommit(graph::SchemaRegistry* registry);

}  // namespace ops

#endif  // OPS_COMMIT_H_

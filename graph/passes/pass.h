// The interface of a compiler pass.
#ifndef GRAPH_PASSES_PASS_H_
#define GRAPH_PASSES_PASS_H_

#include <functional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "graph/ir/net.h"
#include "graph/schema/schema.h"

namespace graph {

// A rewrite of a verified net into a verified net that computes the same values
// (or, where a pass says so, the same within rounding). A pass has only its
// rewrite: verification, dumps, timing and switching off by name belong to the
// pipeline. Each file of a pass opens with a before/after sketch.
struct Pass {
  std::string name;
  // True when the net was changed; the pipeline checks that this is so.
  std::function<absl::StatusOr<bool>(Net* net, const SchemaRegistry& registry)> run;
};
using Passes = std::vector<Pass>;

}  // namespace graph

#endif  // GRAPH_PASSES_PASS_H_

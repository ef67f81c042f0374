// The interface of a compiler pass.
#ifndef GRAPH_PASSES_PASS_H_
#define GRAPH_PASSES_PASS_H_

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "graph/ir/net.h"
#include "graph/schema/schema.h"

namespace graph {

// A rewrite of a verified net into a verified net that computes the same values
// (or, where a pass says so, the same within rounding). A pass has only its
// rewrite: verification, dumps, timing and switching off by name belong to the
// pipeline. Each pass header opens with a before/after sketch.
class Pass {
 public:
  virtual ~Pass() = default;
  virtual absl::string_view name() const = 0;
  // True when the net was changed; the pipeline checks that this is so.
  virtual absl::StatusOr<bool> Run(Net* net, const SchemaRegistry& registry) const = 0;
};

}  // namespace graph

#endif  // GRAPH_PASSES_PASS_H_

// The rule book of the IR. Every rule a Net must satisfy is stated and checked
// in verify.cc and nowhere else.
#ifndef GRAPH_IR_VERIFY_H_
#define GRAPH_IR_VERIFY_H_

#include <vector>

#include "absl/status/status.h"
#include "graph/ir/net.h"

namespace graph {

// What the rule book must know about operator types; SchemaRegistry implements it.
class OpRules {
 public:
  virtual ~OpRules() = default;
  // Types of the outputs, or why the operator is malformed (unknown type,
  // wrong number of inputs, unknown or missing attribute, wrong shapes).
  virtual absl::StatusOr<std::vector<TensorType>> Infer(
      const Op& op, absl::Span<const TensorType> inputs) const = 0;
  // Whether the kernel contract lets output `output` lie where input `input` lies.
  virtual bool MayShare(const Op& op, int input, int output) const = 0;
};

// Checks, in this order: names of blobs and of operators (non-empty, unique, characters of
// the text form), parts (part.h; only update and communication concern the whole model),
// shapes (IsValidShape), ids in range, single assignment, operators after what they read and in no
// earlier phase, inferred types equal to the recorded ones, state (exit named after entry, same
// type, no reader of the entry value after the operator that writes the exit
// value, that operator either does not read it or may share, and the overwritten
// entry is not an output of the net), in-place
// annotations (allowed by the schema, the input's last use, not an input,
// output or live state of the net), outputs defined.
// The message names the net, the operator and the blob.
absl::Status Verify(const Net& net, const OpRules& rules);

// Whether `name` may name a net, an operator or a blob: [A-Za-z0-9_./:~@-]+.
bool IsValidName(absl::string_view name);

}  // namespace graph

#endif  // GRAPH_IR_VERIFY_H_

// A net as Caffe2's NetDef (graph/proto/net.proto) and back.
//
// The NetDef is in Caffe2's in-place form: the exit value of a state has the
// state's own name, so Netron and Caffe2 tools see parameters updated in place.
// Types, states and outputs, for which NetDef has no field, are in NetDef.arg.
// A state that is the first input wherever it is read is named a second time at
// the end of an operator that says so (argument "repeated_inputs"), because Netron
// takes no first input for a parameter.
// Part and phase are arguments of the operator, too, where they are not as usual (text.h);
// a NetDef from before there were any is read as forward, and each operator as a part; it passes
// Verify() where its operators are those of today and have names of their own.
// FromNetDef(ToNetDef(net)) == net for every net that passes Verify().
#ifndef GRAPH_IR_SERIALIZE_H_
#define GRAPH_IR_SERIALIZE_H_

#include <string>

#include "absl/status/statusor.h"
#include "graph/ir/net.h"

namespace graph {

// Serialized protobuf, and its text format (.pbtxt).
std::string ToNetDefBytes(const Net& net);
std::string ToNetDefText(const Net& net);

// Parses either form; `bytes` may come from an untrusted file. The result is
// well-formed but not verified.
absl::StatusOr<Net> FromNetDefBytes(const std::string& bytes);
absl::StatusOr<Net> FromNetDefText(const std::string& text);

}  // namespace graph

#endif  // GRAPH_IR_SERIALIZE_H_

// A net as a picture, in Graphviz's language.
//
// Both pictures have the forward pass running down on one side and the backward
// pass running up beside it, colours by kind of operator, and a legend. State
// (parameters, moments) and values with many readers are named in the operators
// that read them instead of being drawn.
#ifndef TOOLS_DUMP_DOT_H_
#define TOOLS_DUMP_DOT_H_

#include <string>

#include "graph/ir/net.h"

namespace tools {

// Every operator is one node "op<position>", every transformer block one cluster:
// "blocks.3", "guide/blocks.3", and of its backward and update operators
// "grad/blocks.3" and "update/blocks.3" (BoxScope in dot_parts.h has the others). `when` is
// for the title: "as it runs".
std::string ToDot(const graph::Net& net, const std::string& when);

// Every block is one node "g<number>" with its number of operators and the shape
// of its result; so is each part that is in no block ("patch_embed", "loss") and
// the whole update of the parameters ("update").
std::string ToBlocksDot(const graph::Net& net, const std::string& when);

}  // namespace tools

#endif  // TOOLS_DUMP_DOT_H_

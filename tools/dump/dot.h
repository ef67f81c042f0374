// Draws a net in Graphviz's language.
//
// Both pictures show the forward pass running down on one side and the backward pass running up
// beside it, colours by kind of operator, and a legend. State (parameters, moments) and values with
// many readers are not drawn but named in the operators that read them.
#ifndef TOOLS_DUMP_DOT_H_
#define TOOLS_DUMP_DOT_H_

#include <string>

#include "graph/ir/net.h"

namespace tools {

// Every operator is one node "op<position>", every transformer block one cluster: "blocks.3",
// "guide/blocks.3"; its backward and update operators are in "grad/blocks.3" and "update/blocks.3"
// (BoxScope in dot_parts.h has the others). `when` goes into the title: "as it runs".
std::string ToDot(const graph::Net& net, const std::string& when);

// Every block is one node "g<number>" with its number of operators and the type of what it hands on
// to the next one; so is each part outside blocks ("patch_embed", "loss") and the whole update of
// the parameters ("update"). Operators that only convert weights are counted, but their edges are
// not drawn, so that the boxes stand the same in every precision.
std::string ToBlocksDot(const graph::Net& net, const std::string& when);

}  // namespace tools

#endif  // TOOLS_DUMP_DOT_H_

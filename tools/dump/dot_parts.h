// Shared by the two pictures of a net: the boxes of operators, colours, quoting, legend.
#ifndef TOOLS_DUMP_DOT_PARTS_H_
#define TOOLS_DUMP_DOT_PARTS_H_

#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "graph/ir/net.h"

namespace tools {

// The largest enclosing part that is one box: the block; or else the scopes and the first word
// ("guide/patch_embed.proj" -> "guide/patch_embed").
std::string BoxOf(absl::string_view part);

// The prefix of a box's name: "grad/" for the backward phase, "recompute/" for what is recomputed
// for it, "weights/" for what prepares weights, "communicate/". Empty for the forward phase and for
// the update, which has boxes of its own.
std::string BoxScope(const graph::Net& net, const graph::Op& op);

// Whether an operator only converts a state, once a run: casts and packing of weights. It runs in
// the phase of its first reader.
bool PreparesWeights(const graph::Net& net, const graph::Op& op);

// A kind of box, and its fill colour.
struct Kind {
  const char* name;
  const char* color;
};
const Kind& KindOf(absl::string_view op_type);
std::vector<Kind> Kinds();  // of operators

// Escapes `text` for an HTML-like label.
std::string EscapeHtml(absl::string_view text);

// The statements that begin every picture, up to and including the title.
std::string DotHead(const graph::Net& net, const std::string& when, const std::string& what);
// The node that explains the colours and contains `notes`.
std::string DotLegend(const std::vector<Kind>& kinds, const std::vector<std::string>& notes);

// The node of an input or output of the net, with its name and type.
std::string DotBlob(const graph::Net& net, const std::string& node, graph::BlobId blob,
                    const std::string& border = "");

// An edge from `producer` to `consumer` (node names), between phases or within one. Backward
// operators are ranked upwards, so that they stand beside their forward operators.
std::string DotEdge(const std::string& producer, graph::Phase from, const std::string& consumer,
                    graph::Phase to);

}  // namespace tools

#endif  // TOOLS_DUMP_DOT_PARTS_H_

// What the two pictures of a net have in common: the boxes that operators stand in,
// colours, quoting, legend.
#ifndef TOOLS_DUMP_DOT_PARTS_H_
#define TOOLS_DUMP_DOT_PARTS_H_

#include <string>
#include <utility>
#include <vector>

#include "absl/strings/string_view.h"
#include "graph/ir/net.h"

namespace tools {

// The largest part that is one box: the block; or else the scopes and the first word
// ("guide/patch_embed.proj" -> "guide/patch_embed").
std::string BoxOf(absl::string_view part);

// What comes before the name of a box: "grad/" for the backward phase, "recompute/" for
// what is computed again for it, "weights/" for what prepares weights, "communicate/".
// Empty for the forward phase and for the update, which has boxes of its own.
std::string BoxScope(const graph::Net& net, const graph::Op& op);

// Whether an operator only brings a state into another form, once a run: casts and packing
// of weights. It runs in the phase of what reads it first.
bool PreparesWeights(const graph::Net& net, const graph::Op& op);

// Fill colour by kind of operator.
std::string ColorOf(const graph::Op& op);
// What a colour stands for, and the colour.
using Colors = std::vector<std::pair<std::string, std::string>>;
Colors KindColors();

// `text` for inside an HTML-like label.
std::string EscapeHtml(absl::string_view text);

// Statements that every picture begins with, up to and including the title.
std::string DotHead(const graph::Net& net, const std::string& when, const std::string& what);
// The node that explains the colours and what `notes` add.
std::string DotLegend(const Colors& colors, const std::vector<std::string>& notes);

// An edge from `producer` to `consumer` (node names) that leads from one phase to
// another or stays in one. Backward operators are ranked upwards, so that they
// stand beside the forward operators they belong to.
std::string DotEdge(const std::string& producer, graph::Phase from, const std::string& consumer,
                    graph::Phase to);

}  // namespace tools

#endif  // TOOLS_DUMP_DOT_PARTS_H_

// What the two pictures of a net have in common: which part of the model an
// operator belongs to, colours, quoting, legend.
#ifndef TOOLS_DUMP_DOT_PARTS_H_
#define TOOLS_DUMP_DOT_PARTS_H_

#include <string>
#include <utility>
#include <vector>

#include "absl/strings/string_view.h"
#include "graph/ir/net.h"

namespace tools {

// The block an operator belongs to, from its name: the first "<word>.<number>"
// and the scopes before it. "grad/guide/blocks.3.mlp.fc1" -> "grad/guide/blocks.3".
// Empty for what is in no block.
std::string BlockOf(absl::string_view op_name);

// The part of the model in the picture of blocks: the block; or else the scopes
// and the first word ("guide/patch_embed.proj" -> "guide/patch_embed").
std::string PartOf(absl::string_view op_name);

// When in a step an operator runs.
enum class Phase { kForward, kBackward, kUpdate };
Phase PhaseOf(const graph::Op& op);

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
std::string DotEdge(const std::string& producer, Phase from, const std::string& consumer, Phase to);

}  // namespace tools

#endif  // TOOLS_DUMP_DOT_PARTS_H_

#include "tools/dump/dot_parts.h"

#include <algorithm>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "graph/ir/part.h"

namespace tools {
namespace {

constexpr Kind kMatMul = {"matrix product", "#a6cee3"};
constexpr Kind kAttention = {"attention", "#fdbf6f"};
constexpr Kind kNorm = {"norm", "#b2df8a"};
constexpr Kind kActivation = {"activation", "#ffff99"};
constexpr Kind kLoss = {"loss", "#fb9a99"};
constexpr Kind kOptimizer = {"optimizer", "#cab2d6"};
constexpr Kind kOther = {"other", "#f2f2f2"};

}  // namespace

std::string BoxOf(absl::string_view part) {
  const absl::string_view block = graph::BlockOf(part);
  if (!block.empty()) return std::string(block);
  const size_t slash = part.rfind('/');
  return std::string(part.substr(0, part.find('.', slash == part.npos ? 0 : slash)));
}

bool PreparesWeights(const graph::Net& net, const graph::Op& op) {
  if (op.type == "PackWeights" || op.type == "QuantizeWeights") return true;
  return op.type == "Cast" &&
         std::any_of(net.states.begin(), net.states.end(),
                     [&op](const graph::State& s) { return s.entry == op.inputs[0]; });
}

std::string BoxScope(const graph::Net& net, const graph::Op& op) {
  if (op.phase == graph::Phase::kCommunicate) return "communicate/";
  if (PreparesWeights(net, op)) return "weights/";
  if (op.recomputed) return "recompute/";
  return op.phase == graph::Phase::kBackward ? "grad/" : "";
}

const Kind& KindOf(absl::string_view type) {
  if (type == "AdamW" || type == "Lars" || type == "GradNorm" || type == "ClipFactors" ||
      type == "Increment" || type == "AppendToWindow") {
    return kOptimizer;
  }
  if (absl::StrContains(type, "MatMul") || absl::StrContains(type, "Linear")) return kMatMul;
  if (absl::StrContains(type, "Attention") || type == "PositionWeights") return kAttention;
  if (absl::StrContains(type, "LayerNorm") || absl::StrContains(type, "BatchNorm")) return kNorm;
  if (absl::StrContains(type, "Gelu")) return kActivation;
  if (absl::StrContains(type, "CrossEntropy") || absl::StrContains(type, "PositionCE")) {
    return kLoss;
  }
  return kOther;
}

std::vector<Kind> Kinds() {
  return {kMatMul, kAttention, kNorm, kActivation, kLoss, kOptimizer, kOther};
}

std::string EscapeHtml(absl::string_view text) {
  return absl::StrReplaceAll(text,
                             {{"&", "&amp;"}, {"<", "&lt;"}, {">", "&gt;"}, {"\"", "&quot;"}});
}

std::string DotHead(const graph::Net& net, const std::string& when, const std::string& what) {
  return absl::StrCat(
      "digraph \"", net.name, "\" {\n",
      "  graph [rankdir=TB, fontname=\"Helvetica\", fontsize=28, labelloc=t, labeljust=l,\n",
      "    label=<<b>", EscapeHtml(net.name), "</b>, ", EscapeHtml(when), ": ", net.ops.size(),
      " operators; ", EscapeHtml(what), ">]\n",
      "  node [fontname=\"Helvetica\", fontsize=12, shape=box, style=\"filled,rounded\",\n",
      "    fillcolor=\"", kOther.color, "\", color=\"#666666\", margin=\"0.12,0.06\"]\n",
      "  edge [color=\"#555555\", arrowsize=0.7]\n");
}

std::string DotLegend(const std::vector<Kind>& kinds, const std::vector<std::string>& notes) {
  std::string rows;
  for (const auto& [meaning, color] : kinds) {
    absl::StrAppend(&rows, "<tr><td bgcolor=\"", color, "\">", meaning, "</td></tr>");
  }
  for (const std::string& note : notes) {
    absl::StrAppend(&rows, "<tr><td border=\"0\" align=\"left\">", EscapeHtml(note), "</td></tr>");
  }
  return absl::StrCat(
      "  legend [shape=plain, style=\"\", label=<<table border=\"0\" cellborder=\"1\" "
      "cellspacing=\"2\">",
      rows, "</table>>]\n");
}

std::string DotBlob(const graph::Net& net, const std::string& node, graph::BlobId blob,
                    const std::string& border) {
  return absl::StrCat("  ", node, " [shape=ellipse, fillcolor=white, ", border, "label=<<b>",
                      EscapeHtml(net.blob(blob).name), "</b><br/>", net.type(blob).ToString(),
                      ">]\n");
}

std::string DotEdge(const std::string& producer, graph::Phase from, const std::string& consumer,
                    graph::Phase to) {
  const bool to_backward = to == graph::Phase::kBackward;
  const char* look = "weight=4";
  if (from == graph::Phase::kBackward) {
    if (to_backward) {
      return absl::StrCat("  ", consumer, " -> ", producer,
                          " [dir=back, color=\"#c04040\", weight=4]\n");
    }
    look = "style=dotted, color=\"#7744aa\", weight=0";
  } else if (from == graph::Phase::kForward && to_backward) {
    look = "style=dashed, color=\"#9999bb\", minlen=0, weight=0";
  }
  return absl::StrCat("  ", producer, " -> ", consumer, " [", look, "]\n");
}

}  // namespace tools

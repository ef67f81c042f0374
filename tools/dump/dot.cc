#include "tools/dump/dot.h"

#include <map>
#include <set>

#include "absl/strings/str_cat.h"
#include "graph/ir/part.h"
#include "tools/dump/dot_parts.h"

namespace tools {
namespace {

// A blob with more readers than this is named in them, not drawn; so are the inputs of an operator
// with more inputs than this.
constexpr size_t kMany = 8;

using graph::Phase;

constexpr char kSmall[] = "<br/><font point-size=\"9\" color=\"#555555\">";

class Picture {
 public:
  explicit Picture(const graph::Net& net) : net_(net), uses_(net), named_(net.blobs.size()) {
    for (size_t b = 0; b < net.blobs.size(); ++b) named_[b] = uses_.readers[b].size() > kMany;
    for (const graph::State& s : net.states) named_[s.entry] = true;
  }

  std::string Draw(const std::string& when) const {
    std::string text = DotHead(net_, when, "one box a transformer block");
    Clusters(&text);
    Interface(&text);
    Edges(&text);
    absl::StrAppend(
        &text,
        DotLegend(Kinds(), {"a box: operator, its name in the block, its first result",
                            "small: parameters, and values that more than 8 operators read;",
                            "of an operator that reads more than 8, only how many",
                            "red: gradients (upwards); dashed: kept for the backward pass"}),
        "}\n");
    return text;
  }

 private:
  static std::string Node(size_t op) { return absl::StrCat("op", op); }
  static std::string InputNode(graph::BlobId b) { return absl::StrCat("in", b); }

  // The box of an operator: its block; for the update of parameters "update/" and the parameters'
  // block, or "update" if they are in none. Empty: no box.
  std::string ClusterOf(const graph::Op& op) const {
    const absl::string_view block = graph::BlockOf(op.part);
    if (op.phase != Phase::kUpdate) {
      return block.empty() ? "" : absl::StrCat(BoxScope(net_, op), block);
    }
    if (!block.empty()) return absl::StrCat("update/", block);
    return op.inputs.size() > kMany ? "" : "update";
  }

  // A name without its box's part: "mlp.fc1.x" for "grad/blocks.3.mlp.fc1.x".
  static absl::string_view InBox(absl::string_view name, const std::string& module) {
    const size_t at = name.find(module);
    const bool inside = !module.empty() && at != name.npos && (at == 0 || name[at - 1] == '/');
    return inside ? name.substr(at + module.size()) : name;
  }

  // "norm1.weight [128]" for each value that is named in the operator.
  std::string Reads(const graph::Op& op, const std::string& module) const {
    if (op.inputs.size() > kMany) {
      return absl::StrCat(kSmall, "reads ", op.inputs.size(), " values</font>");
    }
    std::string text;
    std::set<graph::BlobId> seen;
    for (graph::BlobId b : op.inputs) {
      if (!named_[b] || !seen.insert(b).second) continue;
      const absl::string_view name = net_.blob(b).name;
      const absl::string_view in_box = InBox(name, module);
      // "adam_m/" of "adam_m/blocks.3.norm1.weight" distinguishes it from the weight.
      const size_t left_out = name.size() - in_box.size();
      const size_t before = left_out == 0 ? 0 : left_out - module.size();
      absl::StrAppend(&text, kSmall, EscapeHtml(name.substr(0, before)), EscapeHtml(in_box), " ",
                      graph::ShapeString(net_.type(b).shape), "</font>");
    }
    return text;
  }

  std::string OpNode(size_t i, const std::string& indent) const {
    const graph::Op& op = net_.ops[i];
    const absl::string_view block = graph::BlockOf(op.part);
    const std::string module =  // "blocks.3."
        block.empty() ? "" : absl::StrCat(block.substr(block.rfind('/') + 1), ".");
    return absl::StrCat(indent, Node(i), " [fillcolor=\"", KindOf(op.type).color, "\", label=<<b>",
                        EscapeHtml(op.type), "</b><br/>", EscapeHtml(InBox(op.name, module)),
                        "<br/>", op.outputs.empty() ? "" : net_.type(op.outputs[0]).ToString(),
                        Reads(op, module), ">]\n");
  }

  void Clusters(std::string* text) const {
    std::vector<std::string> order;  // of first use
    std::map<std::string, std::vector<size_t>> members;
    for (size_t i = 0; i < net_.ops.size(); ++i) {
      const std::string cluster = ClusterOf(net_.ops[i]);
      if (members[cluster].empty()) order.push_back(cluster);
      members[cluster].push_back(i);
    }
    for (const std::string& cluster : order) {
      const std::vector<size_t>& ops = members[cluster];
      if (cluster.empty()) {
        for (size_t i : ops) absl::StrAppend(text, OpNode(i, "  "));
        continue;
      }
      absl::StrAppend(text, "  subgraph \"cluster_", cluster, "\" {\n    label=\"", cluster,
                      "\"; fontsize=18; style=\"rounded,filled\"; fillcolor=\"#fafafa\"; "
                      "color=\"#999999\"\n");
      for (size_t i : ops) absl::StrAppend(text, OpNode(i, "    "));
      // Updates are independent of each other and would all stand side by side; they get a column
      // per type instead.
      std::map<std::string, size_t> last;
      for (size_t i : ops) {
        const graph::Op& op = net_.ops[i];
        if (op.phase != Phase::kUpdate) break;
        const auto [it, is_first] = last.emplace(op.type, i);
        if (is_first) continue;
        absl::StrAppend(text, "    ", Node(it->second), " -> ", Node(i), " [style=invis]\n");
        it->second = i;
      }
      absl::StrAppend(text, "  }\n");
    }
  }

  // The net's inputs and outputs.
  void Interface(std::string* text) const {
    for (graph::BlobId b : net_.inputs) *text += DotBlob(net_, InputNode(b), b);
    for (graph::BlobId b : net_.outputs) {
      *text += DotBlob(net_, absl::StrCat("out", b), b, "penwidth=2, ");
      if (uses_.producer[b] != graph::kNone) {
        absl::StrAppend(text, "  ", Node(uses_.producer[b]), " -> out", b, "\n");
      }
    }
  }

  void Edges(std::string* text) const {
    std::set<std::pair<std::string, std::string>> drawn;
    for (size_t i = 0; i < net_.ops.size(); ++i) {
      const graph::Op& op = net_.ops[i];
      if (op.inputs.size() > kMany) continue;
      for (graph::BlobId b : op.inputs) {
        if (named_[b]) continue;
        const graph::OpId producer = uses_.producer[b];
        const std::string from = producer == graph::kNone ? InputNode(b) : Node(producer);
        if (!drawn.insert({from, Node(i)}).second) continue;
        const Phase phase = producer == graph::kNone ? Phase::kForward : net_.ops[producer].phase;
        absl::StrAppend(text, DotEdge(from, phase, Node(i), op.phase));
      }
    }
  }

  const graph::Net& net_;
  const graph::Uses uses_;
  std::vector<bool> named_;  // by blob: named in its readers instead of drawn
};

}  // namespace

std::string ToDot(const graph::Net& net, const std::string& when) {
  return Picture(net).Draw(when);
}

}  // namespace tools

#include <algorithm>
#include <map>
#include <set>

#include "absl/strings/str_cat.h"
#include "graph/ir/part.h"
#include "tools/dump/dot.h"
#include "tools/dump/dot_parts.h"

namespace tools {
namespace {

using graph::Phase;

constexpr char kForwardBlock[] = "#a6cee3";
constexpr char kForwardPart[] = "#e3eef5";
constexpr char kBackwardBlock[] = "#f4b6a6";
constexpr char kBackwardPart[] = "#fbe3dc";
constexpr char kUpdate[] = "#cab2d6";

struct Part {
  std::string name;
  Phase phase = Phase::kForward;
  bool is_block = false;
  std::vector<size_t> ops;
  size_t shown = 0;  // the operator that computes the part's result

  const char* color() const {
    if (phase == Phase::kUpdate) return kUpdate;
    if (phase == Phase::kBackward) return is_block ? kBackwardBlock : kBackwardPart;
    return is_block ? kForwardBlock : kForwardPart;
  }
};

class BlocksPicture {
 public:
  explicit BlocksPicture(const graph::Net& net) : net_(net), uses_(net), part_of_(net.ops.size()) {
    std::map<std::string, size_t> by_name;
    for (size_t i = 0; i < net.ops.size(); ++i) {
      const graph::Op& op = net.ops[i];
      const bool is_update = op.phase == Phase::kUpdate;
      const std::string name =
          is_update ? "update" : absl::StrCat(BoxScope(net, op), BoxOf(op.part));
      const bool is_block = !is_update && !graph::BlockOf(op.part).empty();
      const auto [it, is_new] = by_name.emplace(name, parts_.size());
      if (is_new) parts_.push_back({name, op.phase, is_block, {}, i});
      part_of_[i] = it->second;
      parts_[it->second].ops.push_back(i);
    }
    // The last of the values handed on, unless an earlier one is larger: for example a position
    // added to all tokens, not the slice for the class token.
    std::vector<int64_t> elements(parts_.size(), 0);
    for (size_t i = 0; i < net.ops.size(); ++i) {
      const size_t part = part_of_[i];
      if (!Leaves(i) || net.type(net.ops[i].outputs[0]).elements() < elements[part]) continue;
      parts_[part].shown = i;
      elements[part] = net.type(net.ops[i].outputs[0]).elements();
    }
  }

  std::string Draw(const std::string& when) const {
    std::string text = DotHead(net_, when, "each transformer block is one box");
    for (size_t p = 0; p < parts_.size(); ++p) {
      absl::StrAppend(&text, "  g", p, " [fillcolor=\"", parts_[p].color(),
                      "\", penwidth=", parts_[p].is_block ? 2 : 1, ", label=<", Label(parts_[p]),
                      ">]\n");
    }
    for (graph::BlobId b : net_.inputs) text += DotBlob(net_, absl::StrCat("in", b), b);
    Edges(&text);
    absl::StrAppend(
        &text,
        DotLegend({{"block", kForwardBlock},
                   {"its backward pass", kBackwardBlock},
                   {"update of the parameters", kUpdate}},
                  {"a box: operators in it, and what it hands on", "red: gradients (upwards)",
                   "dashed: kept for the backward pass", "dotted: gradients of parameters"}),
        "}\n");
    return text;
  }

 private:
  // Whether a result of operator `i` is handed on to another part or leaves the net. Gradients of
  // weights, which only the update reads, do not count.
  bool Leaves(size_t i) const {
    for (graph::BlobId b : net_.ops[i].outputs) {
      if (uses_.is_root[b]) return true;
      for (const graph::Uses::Reader& reader : uses_.readers[b]) {
        const size_t to = part_of_[reader.op];
        if (to != part_of_[i] && parts_[to].phase != Phase::kUpdate) return true;
      }
    }
    return false;
  }

  std::string Label(const Part& part) const {
    std::string label = absl::StrCat("<b>", EscapeHtml(part.name), "</b><br/>", part.ops.size(),
                                     part.ops.size() == 1 ? " op" : " ops");
    if (part.phase != Phase::kUpdate) {
      const graph::Op& shown = net_.ops[part.shown];
      if (!shown.outputs.empty()) {
        absl::StrAppend(&label, ", ", net_.type(shown.outputs[0]).ToString());
      }
      return label;
    }
    std::map<std::string, int> counts;
    for (size_t i : part.ops) ++counts[net_.ops[i].type];
    for (const auto& [type, count] : counts) {
      absl::StrAppend(&label, "<br/>", count, " ", EscapeHtml(type));
    }
    return label;
  }

  void Edges(std::string* text) const {
    std::set<std::pair<std::string, std::string>> drawn;
    for (size_t i = 0; i < net_.ops.size(); ++i) {
      const std::string to = absl::StrCat("g", part_of_[i]);
      for (graph::BlobId b : net_.ops[i].inputs) {
        const graph::OpId producer = uses_.producer[b];
        std::string from = absl::StrCat("in", b);
        Phase phase = Phase::kForward;
        if (producer != graph::kNone) {
          from = absl::StrCat("g", part_of_[producer]);
          phase = parts_[part_of_[producer]].phase;
        } else if (std::find(net_.inputs.begin(), net_.inputs.end(), b) == net_.inputs.end()) {
          continue;  // state
        }
        if (from == to || !drawn.insert({from, to}).second) continue;
        absl::StrAppend(text, DotEdge(from, phase, to, parts_[part_of_[i]].phase));
      }
    }
  }

  const graph::Net& net_;
  const graph::Uses uses_;
  std::vector<Part> parts_;      // in order of first operator
  std::vector<size_t> part_of_;  // by operator
};

}  // namespace

std::string ToBlocksDot(const graph::Net& net, const std::string& when) {
  return BlocksPicture(net).Draw(when);
}

}  // namespace tools

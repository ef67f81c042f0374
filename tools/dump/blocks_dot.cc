#include <map>
#include <set>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "tools/dump/dot.h"
#include "tools/dump/dot_parts.h"

namespace tools {
namespace {

struct Part {
  std::string name;
  Phase phase = Phase::kForward;
  std::vector<size_t> ops;
  size_t shown = 0;  // the operator whose result is the part's
};

std::string Counts(const graph::Net& net, const Part& part) {
  std::map<std::string, int> counts;
  for (size_t i : part.ops) ++counts[net.ops[i].type];
  std::string text;
  for (const auto& [type, count] : counts) {
    absl::StrAppend(&text, "<br/>", count, " ", EscapeHtml(type));
  }
  return text;
}

}  // namespace

std::string ToBlocksDot(const graph::Net& net, const std::string& when) {
  const graph::Uses uses(net);
  std::vector<Part> parts;
  std::map<std::string, size_t> by_name;
  std::vector<size_t> part_of(net.ops.size());
  for (size_t i = 0; i < net.ops.size(); ++i) {
    const Phase phase = PhaseOf(net.ops[i]);
    const std::string name = phase == Phase::kUpdate ? "update" : PartOf(net.ops[i].name);
    const auto [it, is_new] = by_name.emplace(name, parts.size());
    if (is_new) parts.push_back({name, phase, {}, i});
    part_of[i] = it->second;
    parts[it->second].ops.push_back(i);
  }
  // A part's result: the last that another part reads, or that leaves the net;
  // what only the update reads (gradients of weights) does not count.
  for (size_t i = 0; i < net.ops.size(); ++i) {
    bool leaves = false;
    for (graph::BlobId b : net.ops[i].outputs) {
      leaves |= uses.is_root[b];
      for (const graph::Uses::Reader& reader : uses.readers[b]) {
        leaves |=
            part_of[reader.op] != part_of[i] && (PhaseOf(net.ops[reader.op]) != Phase::kUpdate);
      }
    }
    if (leaves) parts[part_of[i]].shown = i;
  }

  std::string text = DotHead(net, when, "each transformer block is one box");
  for (size_t p = 0; p < parts.size(); ++p) {
    const Part& part = parts[p];
    const graph::Op& shown = net.ops[part.shown];
    const bool block = !BlockOf(part.name).empty();
    std::string label = absl::StrCat("<b>", EscapeHtml(part.name), "</b><br/>", part.ops.size(),
                                     part.ops.size() == 1 ? " op" : " ops");
    if (part.phase == Phase::kUpdate) {
      absl::StrAppend(&label, Counts(net, part));
    } else if (!shown.outputs.empty()) {
      absl::StrAppend(&label, ", ", net.type(shown.outputs[0]).ToString());
    }
    const char* color = part.phase == Phase::kUpdate     ? "#cab2d6"
                        : part.phase == Phase::kBackward ? (block ? "#f4b6a6" : "#fbe3dc")
                                                         : (block ? "#a6cee3" : "#e3eef5");
    absl::StrAppend(&text, "  g", p, " [fillcolor=\"", color, "\", penwidth=", block ? 2 : 1,
                    ", label=<", label, ">]\n");
  }
  for (graph::BlobId b : net.inputs) {
    absl::StrAppend(&text, "  in", b, " [shape=ellipse, fillcolor=white, label=<<b>",
                    EscapeHtml(net.blob(b).name), "</b><br/>", net.type(b).ToString(), ">]\n");
  }
  std::set<std::pair<std::string, std::string>> drawn;
  for (size_t i = 0; i < net.ops.size(); ++i) {
    const size_t to = part_of[i];
    for (graph::BlobId b : net.ops[i].inputs) {
      const graph::OpId producer = uses.producer[b];
      std::string from;
      Phase phase = Phase::kForward;
      if (producer != graph::kNone) {
        if (part_of[producer] == to) continue;
        from = absl::StrCat("g", part_of[producer]);
        phase = parts[part_of[producer]].phase;
      } else {
        bool is_input = false;
        for (graph::BlobId input : net.inputs) is_input |= input == b;
        if (!is_input) continue;
        from = absl::StrCat("in", b);
      }
      const std::string node = absl::StrCat("g", to);
      if (!drawn.insert({from, node}).second) continue;
      absl::StrAppend(&text, DotEdge(from, phase, node, parts[to].phase));
    }
  }
  absl::StrAppend(&text, "}\n");
  return text;
}

}  // namespace tools

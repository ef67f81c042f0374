#include "tools/profile/graph_parts.h"

#include <algorithm>
#include <map>

#include "absl/strings/strip.h"
#include "graph/ir/part.h"
#include "tools/dump/dot_parts.h"

namespace tools {
namespace {

struct Place {
  std::string box;    // "blocks"
  std::string block;  // "blocks.3", or empty
  std::string line;   // "mlp.fc1"
};

Place PlaceOf(const graph::Op& op, Role role) {
  if (role == Role::kOptimizer) return {"optimizer", "", op.type};
  const absl::string_view part = PlainPart(op);
  Place place;
  place.block = std::string(graph::BlockOf(part));
  place.box = place.block.empty() ? BoxOf(part) : place.block.substr(0, place.block.rfind('.'));
  absl::string_view rest = part.substr(place.block.empty() ? place.box.size() : place.block.size());
  absl::ConsumePrefix(&rest, ".");
  place.line = std::string(rest.empty() ? op.type : rest);
  return place;
}

// Rows in the order of the forward pass; parts that only another pass has come after their
// predecessors there.
std::map<std::string, int> Rows(const Profile& profile) {
  std::vector<std::string> order;
  const auto insert = [&](Role role, bool upwards) {
    size_t at = 0;
    const auto visit = [&](const OpProfile& p) {
      if (p.role != role) return;
      const std::string box = PlaceOf(profile.op(p), p.role).box;
      const auto found = std::find(order.begin(), order.end(), box);
      if (found != order.end()) {
        at = static_cast<size_t>(found - order.begin()) + 1;
        return;
      }
      order.insert(order.begin() + static_cast<std::ptrdiff_t>(at), box);
      ++at;
    };
    if (upwards) {
      for (auto p = profile.ops.rbegin(); p != profile.ops.rend(); ++p) visit(*p);
    } else {
      for (const OpProfile& p : profile.ops) visit(p);
    }
  };
  insert(Role::kForward, false);
  insert(Role::kGuide, false);
  insert(Role::kBackward, true);
  std::map<std::string, int> rows;
  for (size_t i = 0; i < order.size(); ++i) rows[order[i]] = static_cast<int>(i);
  rows["optimizer"] = static_cast<int>(order.size());
  return rows;
}

}  // namespace

GraphParts PartsOf(const Profile& profile) {
  GraphParts parts;
  const std::map<std::string, int> rows = Rows(profile);
  parts.rows = static_cast<int>(rows.size());
  std::map<std::pair<std::string, Role>, int> box_at;
  std::vector<std::map<std::pair<std::string, std::string>, size_t>> line_at;
  const int last = static_cast<int>(profile.executables.size()) - 1;
  std::vector<int> box_of_op;  // of the last net
  for (const OpProfile& p : profile.ops) {
    const graph::Op& op = profile.op(p);
    const Place place = PlaceOf(op, p.role);
    const auto [at, is_new] =
        box_at.emplace(std::make_pair(place.box, p.role), static_cast<int>(parts.boxes.size()));
    if (is_new) {
      parts.boxes.push_back({place.box, p.role, rows.at(place.box), {}, {}, {}});
      line_at.emplace_back();
    }
    GraphBox& box = parts.boxes[at->second];
    if (!place.block.empty()) box.blocks.insert(place.block);
    box.totals.Add(profile, p);
    const auto [line, new_line] =
        line_at[at->second].emplace(std::make_pair(place.line, op.type), box.lines.size());
    if (new_line) box.lines.push_back({place.line, op.type, {}});
    box.lines[line->second].totals.Add(profile, p);
    if (p.executable == last) box_of_op.push_back(at->second);
  }
  for (GraphBox& box : parts.boxes) {
    if (box.role == Role::kBackward) std::reverse(box.lines.begin(), box.lines.end());
    if (box.role != Role::kOptimizer) continue;
    std::stable_sort(
        box.lines.begin(), box.lines.end(),
        [](const GraphLine& a, const GraphLine& b) { return a.totals.ms > b.totals.ms; });
  }
  const graph::Net& net = profile.executables[last]->net();
  const graph::Uses uses(net);
  for (size_t i = 0; i < net.ops.size(); ++i) {
    const int to = box_of_op[i];
    if (parts.boxes[to].role == Role::kOptimizer) continue;
    for (graph::BlobId b : net.ops[i].inputs) {
      if (uses.producer[b] == graph::kNone) continue;
      const int from = box_of_op[uses.producer[b]];
      if (from != to && parts.boxes[from].role != Role::kOptimizer) parts.edges.insert({from, to});
    }
  }
  return parts;
}

}  // namespace tools

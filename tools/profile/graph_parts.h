// The boxes of graph.svg: operators grouped by part of the model, and their positions.
#ifndef TOOLS_PROFILE_GRAPH_PARTS_H_
#define TOOLS_PROFILE_GRAPH_PARTS_H_

#include <set>
#include <string>
#include <utility>
#include <vector>

#include "tools/profile/profiler.h"
#include "tools/profile/summary.h"

namespace tools {

struct GraphLine {
  std::string name;  // "attn.qkv"
  std::string type;  // "Linear"
  Totals totals;
};

struct GraphBox {
  std::string name;  // "blocks"
  Role role = Role::kForward;
  int row = 0;                   // from the top; parts of the same name share it
  std::set<std::string> blocks;  // "blocks.0", ...; empty: not a block
  // In the order they run; for the backward pass, which runs upwards, in the order of the forward
  // pass. For the optimizer by type, the longest first.
  std::vector<GraphLine> lines;
  Totals totals;
};

struct GraphParts {
  std::vector<GraphBox> boxes;
  int rows = 0;  // includes the last one, the optimizer's box
  // Values that pass between boxes, in the last net; none from or to the optimizer.
  std::set<std::pair<int, int>> edges;
};

GraphParts PartsOf(const Profile& profile);

}  // namespace tools

#endif  // TOOLS_PROFILE_GRAPH_PARTS_H_

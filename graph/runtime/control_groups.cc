#include "graph/runtime/control_groups.h"

#include <algorithm>
#include <fstream>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

namespace graph {

ControlGroups FindControlGroups(const std::string& controller, const std::string& root) {
  const std::string v2 = root + "/sys/fs/cgroup/";
  const std::string v1 = absl::StrCat(v2, controller, "/");
  // A container sees its own group at the top; outside one, /proc/self/cgroup has the path.
  ControlGroups groups = {{v2}, {v1}};
  std::ifstream file(root + "/proc/self/cgroup");
  for (std::string line; std::getline(file, line);) {
    const std::vector<absl::string_view> fields = absl::StrSplit(line, absl::MaxSplits(':', 2));
    if (fields.size() != 3) continue;
    const std::vector<absl::string_view> controllers = absl::StrSplit(fields[1], ',');
    const bool ours =
        std::find(controllers.begin(), controllers.end(), controller) != controllers.end();
    if (!ours && !fields[1].empty()) continue;
    std::string folder = ours ? v1 : v2;
    for (const absl::string_view part : absl::StrSplit(fields[2], '/', absl::SkipEmpty())) {
      absl::StrAppend(&folder, part, "/");
      (ours ? groups.v1 : groups.v2).push_back(folder);
    }
  }
  return groups;
}

}  // namespace graph

// The control groups (cgroups) that limit what this process may use.
#ifndef GRAPH_RUNTIME_CONTROL_GROUPS_H_
#define GRAPH_RUNTIME_CONTROL_GROUPS_H_

#include <string>
#include <vector>

namespace graph {

// Folders below /sys/fs/cgroup, with a slash at the end, that may or may not be there: the
// topmost first, then those on the way down to the process's own group. The limits of all of
// them hold.
struct ControlGroups {
  std::vector<std::string> v2, v1;  // by the version of the interface
};

// Those of `controller` ("memory", "cpu"). `root` stands before the files' names.
ControlGroups FindControlGroups(const std::string& controller, const std::string& root = "");

}  // namespace graph

#endif  // GRAPH_RUNTIME_CONTROL_GROUPS_H_

// The control groups (cgroups) that limit what this process may use.
#ifndef GRAPH_RUNTIME_CONTROL_GROUPS_H_
#define GRAPH_RUNTIME_CONTROL_GROUPS_H_

#include <string>
#include <vector>

namespace graph {

// Folders below /sys/fs/cgroup, each with a slash at the end, from the topmost down to the
// process's own group. The limits of all of them apply; a folder may be missing.
struct ControlGroups {
  std::vector<std::string> v2, v1;  // by the version of the interface
};

// The groups of `controller` ("memory", "cpu"). `root` is put before all file names, for tests.
ControlGroups FindControlGroups(const std::string& controller, const std::string& root = "");

}  // namespace graph

#endif  // GRAPH_RUNTIME_CONTROL_GROUPS_H_

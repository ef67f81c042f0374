// A profile as a folder of files.
#ifndef TOOLS_PROFILE_WRITE_PROFILE_H_
#define TOOLS_PROFILE_WRITE_PROFILE_H_

#include <string>

#include "absl/status/status.h"
#include "tools/profile/profiler.h"

namespace tools {

// Writes ops.csv (ops_csv.h), trace.json (trace_json.h) and graph.svg (graph_svg.h) into `folder`,
// whole or not at all. An existing folder is replaced if it holds nothing but these files.
// FAILED_PRECONDITION without one whole step; errors of the file system name the folder.
absl::Status WriteProfile(const Profile& profile, const std::string& folder);

}  // namespace tools

#endif  // TOOLS_PROFILE_WRITE_PROFILE_H_

// A profile as a folder of files.
#ifndef TOOLS_PROFILE_WRITE_PROFILE_H_
#define TOOLS_PROFILE_WRITE_PROFILE_H_

#include <string>

#include "absl/status/status.h"
#include "tools/profile/profiler.h"

namespace tools {

// Writes ops.csv (ops_csv.h), trace.json (trace_json.h) and graph.svg (graph_svg.h)
// into `folder`, whole or not at all. A folder that is there is replaced where it
// holds nothing but these files. FAILED_PRECONDITION without one whole step; what
// the file system refuses names the folder.
absl::Status WriteProfile(const Profile& profile, const std::string& folder);

}  // namespace tools

#endif  // TOOLS_PROFILE_WRITE_PROFILE_H_

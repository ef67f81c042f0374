// A profile as a folder of files.
#ifndef TOOLS_PROFILE_WRITE_PROFILE_H_
#define TOOLS_PROFILE_WRITE_PROFILE_H_

#include <string>

#include "absl/status/status.h"
#include "tools/profile/profiler.h"

namespace tools {

// Writes the three files below into `folder`, whole or not at all. An existing folder is replaced
// if it holds nothing but these files. FAILED_PRECONDITION without one whole step; errors of the
// file system name the folder.
absl::Status WriteProfile(const Profile& profile, const std::string& folder);

// ops.csv, for spreadsheets and scripts: one line per operator, in the order they run, after a line
// of names:
//   net, name, type, role, implementation, inputs, outputs   text, in quotes
//   calls                     in all steps
//   mean_ms, std_ms, min_ms   of a call
//   flops, bytes              of a call, as the operator's schema counts them
//   gflops_per_s, gb_per_s    flops, bytes over mean_ms
//   step_share                of the mean step, in [0, 1]
//   roofline_share, bound     the least time that the rates allow over mean_ms, and
//                             "compute" or "memory"; empty if a rate is unknown
std::string OpsCsv(const Profile& profile);

// trace.json, for ui.perfetto.dev and chrome://tracing: Trace Event Format, times in microseconds
// since the first counted step. Tracks: "steps", "compute" (a complete event per operator, named by
// OpTitle, with types, implementation and rates as arguments), "data" (waits for a batch), and
// "loader 0", "loader 1", ... (the work of each loader thread on an image). Counter "arena, live
// MiB": the memory that the plan keeps alive at each operator.
std::string TraceJson(const Profile& profile);

// graph.svg, drawn without Graphviz: forward pass on the left, the guide's beside it, backward pass
// on the right (upwards, each part beside its forward part), the optimizer below. A box is a part
// of the model. Repeated blocks share one box; a line in a box is an operator, summed over the
// blocks and shaded by its share of the step. Tooltips show calls, times and rates. With
// accumulation the times are summed over the window's nets and the arrows are the last net's.
std::string GraphSvg(const Profile& profile);

}  // namespace tools

#endif  // TOOLS_PROFILE_WRITE_PROFILE_H_

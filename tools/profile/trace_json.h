// A profile on a time line, for ui.perfetto.dev and chrome://tracing.
#ifndef TOOLS_PROFILE_TRACE_JSON_H_
#define TOOLS_PROFILE_TRACE_JSON_H_

#include <string>

#include "tools/profile/profiler.h"

namespace tools {

// Trace Event Format, times in microseconds since the first counted step. Tracks: "steps",
// "compute" (a complete event per operator, named by OpTitle, with types, implementation and rates
// as arguments), "data" (waits for a batch), and "loader 0", "loader 1", ... (the work of each
// loader thread on an image). Counter "arena, live MiB": the memory that the plan keeps alive at
// each operator.
std::string TraceJson(const Profile& profile);

}  // namespace tools

#endif  // TOOLS_PROFILE_TRACE_JSON_H_

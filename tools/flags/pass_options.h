// Flags that say how a net is compiled, as the passes take them.
#ifndef TOOLS_FLAGS_PASS_OPTIONS_H_
#define TOOLS_FLAGS_PASS_OPTIONS_H_

#include "graph/passes/pipeline.h"
#include "tools/flags/resolve_flags.h"

namespace tools {

// --passes, --disable_pass, --precision, --recompute and the precisions of the model's parts.
// Without a dump.
graph::PipelineOptions PassOptions(const ResolvedFlags& resolved);

}  // namespace tools

#endif  // TOOLS_FLAGS_PASS_OPTIONS_H_

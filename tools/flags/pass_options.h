// Flags that say how a net is compiled, as the passes take them.
#ifndef TOOLS_FLAGS_PASS_OPTIONS_H_
#define TOOLS_FLAGS_PASS_OPTIONS_H_

#include "graph/passes/pipeline.h"
#include "tools/flags/train_flags.h"

namespace tools {

// --passes, --disable_pass, --precision, --guide_precision and --recompute of
// resolved flags (resolve_flags.h). Without a dump.
graph::PipelineOptions PassOptions(const TrainFlags& flags);

}  // namespace tools

#endif  // TOOLS_FLAGS_PASS_OPTIONS_H_

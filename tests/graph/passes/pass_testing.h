// Text net in, text net out: what every pass test needs.
#ifndef TESTS_GRAPH_PASSES_PASS_TESTING_H_
#define TESTS_GRAPH_PASSES_PASS_TESTING_H_

#include "absl/strings/string_view.h"
#include "graph/ir/net.h"
#include "graph/passes/pipeline.h"
#include "graph/schema/schema.h"

namespace graph {

// The core operators and those that the backends' passes make.
const SchemaRegistry& CoreOps();

// The passes of the CPU backend, which has the most, and those of CUDA.
Passes CpuPasses(const PipelineOptions& options = {});
Passes CudaPasses(const PipelineOptions& options = {});

// Parses, gives attributes that the text leaves out their defaults, and verifies; a
// failure of the test, and an empty net, when one of them fails.
Net ParseAndVerify(absl::string_view text, const SchemaRegistry& registry = CoreOps());

// The pass turns `before` into `after`, says so, leaves a valid net, and has
// nothing more to do on it.
void ExpectRewrite(const Pass& pass, absl::string_view before, absl::string_view after,
                   const SchemaRegistry& registry = CoreOps());

// The pass leaves the net as it is, and says so.
void ExpectUnchanged(const Pass& pass, absl::string_view text,
                     const SchemaRegistry& registry = CoreOps());

}  // namespace graph

#endif  // TESTS_GRAPH_PASSES_PASS_TESTING_H_

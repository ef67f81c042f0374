// The passes that only the CPU wants, and those that it adds to the passes of every backend. Each
// file opens with a before/after sketch. Nets that go through them need the schemas of
// backends/cpu/ops.
#ifndef BACKENDS_CPU_PASSES_PASSES_H_
#define BACKENDS_CPU_PASSES_PASSES_H_

#include "graph/passes/pipeline.h"

namespace backends::cpu {

graph::Pass GeluDerivativePass();
graph::Pass QuantizePass(const graph::PipelineOptions& options);
graph::Pass WeightPackingPass();

graph::Lowering MakeLowering(const graph::PipelineOptions& options);

}  // namespace backends::cpu

#endif  // BACKENDS_CPU_PASSES_PASSES_H_

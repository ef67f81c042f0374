// The passes that only the CUDA backend wants, and those that it adds to the passes of every
// backend. Each file opens with a before/after sketch. Nets that go through them need the schemas
// of backends/cuda/ops.
#ifndef BACKENDS_CUDA_PASSES_PASSES_H_
#define BACKENDS_CUDA_PASSES_PASSES_H_

#include "graph/passes/pipeline.h"

namespace backends::cuda {

graph::Pass GeluFusionPass();
graph::Pass LinearResidualFusionPass();
graph::Pass WeightGradFusionPass();
graph::Pass BiasCastPass();

graph::Lowering MakeLowering(const graph::PipelineOptions& options);

}  // namespace backends::cuda

#endif  // BACKENDS_CUDA_PASSES_PASSES_H_

// The passes of this folder; each file opens with a before/after sketch.
#ifndef GRAPH_PASSES_PASSES_H_
#define GRAPH_PASSES_PASSES_H_

#include "graph/passes/pipeline.h"

namespace graph {

// Of every net (MakePasses).
Pass StopGradientPass();
Pass CsePass();
Pass DeadOpPass();
Pass SharedRowsPass(const PipelineOptions& options = {});
Pass RowPruningPass();
Pass RecomputePass(const SegmentOf& segment_of);
Pass MixedPrecisionPass(const PipelineOptions& options);
Pass TensorGroupingPass();
Pass InPlacePass();

// Of backends that choose them (Lowering).
Pass LinearFusionPass();
Pass ResidualNormFusionPass();

}  // namespace graph

#endif  // GRAPH_PASSES_PASSES_H_

#include "backends/cpu/passes/passes.h"
#include "graph/passes/passes.h"

namespace backends::cpu {

graph::Lowering MakeLowering(const graph::PipelineOptions& options) {
  graph::Lowering lowering;
  lowering.before_recompute = {graph::LinearFusionPass(), GeluDerivativePass()};
  lowering.after_recompute = {graph::ResidualNormFusionPass()};
  lowering.after_precision = {QuantizePass(options), WeightPackingPass()};
  return lowering;
}

}  // namespace backends::cpu

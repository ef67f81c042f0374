#include "backends/cuda/passes/passes.h"
#include "graph/passes/passes.h"

namespace backends::cuda {

// All fusions come after recomputation, which copies what they join: what of a product's epilogue
// is kept for the gradient (linear_fusion or gelu_fusion) is only known then.
graph::Lowering MakeLowering(const graph::PipelineOptions&) {
  graph::Lowering lowering;
  lowering.after_recompute = {graph::LinearFusionPass(), GeluFusionPass(),
                              LinearResidualFusionPass(),
                              // What is left for it: the sums of no product, and the gradients.
                              graph::ResidualNormFusionPass(), WeightGradFusionPass()};
  lowering.after_precision = {BiasCastPass()};
  return lowering;
}

}  // namespace backends::cuda

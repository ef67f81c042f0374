#include <gtest/gtest.h>

#include "backends/cuda/passes/passes.h"
#include "tests/graph/passes/pass_testing.h"

namespace backends::cuda {
namespace {

// Moving one of them changes the nets, and with them the bytes of a run.
TEST(CudaLowering, IsInThisOrder) {
  std::vector<std::string> names;
  for (const graph::Pass& pass : graph::CudaPasses()) names.push_back(pass.name);
  EXPECT_EQ(names, (std::vector<std::string>{
                       "stop_gradient", "cse", "dead_op", "shared_rows", "row_pruning", "recompute",
                       "linear_fusion", "gelu_fusion", "linear_residual_fusion",
                       "residual_norm_fusion", "weight_grad_fusion", "mixed_precision", "bias_cast",
                       "tensor_grouping", "in_place"}));
}

}  // namespace
}  // namespace backends::cuda

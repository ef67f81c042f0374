#include <gtest/gtest.h>

#include "backends/cpu/passes/passes.h"
#include "tests/graph/passes/pass_testing.h"

namespace backends::cpu {
namespace {

// Moving one of them changes the nets, and with them the bytes of a run.
TEST(CpuLowering, IsInThisOrder) {
  std::vector<std::string> names;
  for (const graph::Pass& pass : graph::CpuPasses()) names.push_back(pass.name);
  EXPECT_EQ(names,
            (std::vector<std::string>{
                "stop_gradient", "cse", "dead_op", "shared_rows", "row_pruning", "linear_fusion",
                "gelu_derivative", "recompute", "residual_norm_fusion", "mixed_precision",
                "quantize", "weight_packing", "tensor_grouping", "in_place"}));
}

}  // namespace
}  // namespace backends::cpu

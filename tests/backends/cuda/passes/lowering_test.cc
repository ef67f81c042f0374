#include <gtest/gtest.h>

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "backends/cuda/passes/passes.h"
#include "graph/ir/text.h"
#include "models/training/nets.h"
#include "models/vit/classifier.h"
#include "models/zoo/zoo.h"
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

// The net of `step` in bf16, after all passes, which have nothing left to do.
graph::Net Lowered(const models::ModelConfig& config, models::MicroStep step) {
  const models::VitClassifier model(config, /*num_classes=*/10);
  graph::PipelineOptions options;
  options.precision = graph::ComputePrecision::kBF16;
  auto built =
      models::BuildTrainingNet(graph::CoreOps(), model, models::AdamW(models::TinyRecipe()),
                               /*batch=*/4, step, /*accum_iter=*/4);
  EXPECT_TRUE(built.ok()) << built.status();
  if (!built.ok()) return {};
  graph::Net net = std::move(built->net);
  for (int run = 0; run < 2; ++run) {
    const auto changed =
        graph::RunPipeline(&net, graph::CoreOps(), graph::CudaPasses(options), options);
    EXPECT_TRUE(changed.ok()) << changed.status();
    if (run == 0 || !changed.ok()) continue;
    EXPECT_EQ(*changed, std::vector<std::string>());
  }
  return net;
}

TEST(CudaLowering, LeavesOfATransformerWhatEpiloguesCannotDo) {
  using models::MicroStep;
  const models::ModelConfig config = models::TinyStructure();
  for (const MicroStep step : {MicroStep::kFirst, MicroStep::kMiddle, MicroStep::kLast}) {
    const graph::Net net = Lowered(config, step);
    std::map<std::string, int> count;
    int accumulated = 0, added_weights = 0, low_biases = 0;
    for (const graph::Op& op : net.ops) {
      ++count[op.type];
      if (op.type == "LinearWeightGrad") accumulated += op.inputs.size() == 3;
      if (op.type == "Add" && op.phase == graph::Phase::kUpdate) {
        added_weights += net.type(op.inputs[1]).rank() > 1 && net.type(op.inputs[1]).dim(0) > 1;
      }
      if (op.type == "Linear") low_biases += net.type(op.inputs[2]).dtype == graph::DType::kBF16;
    }
    SCOPED_TRACE(graph::ToText(net));
    EXPECT_EQ(count["LinearGelu"], config.depth);
    EXPECT_EQ(count["MatMulGeluGrad"], config.depth);
    EXPECT_EQ(count["LinearResidual"], 2 * config.depth);  // proj and fc2
    EXPECT_EQ(count["Linear"], config.depth + 2);          // qkv, patches and head
    EXPECT_EQ(low_biases, config.depth);
    EXPECT_EQ(count["LinearWeightGrad"], 4 * config.depth + 2);
    for (const char* gone : {"Gelu", "GeluGrad", "MatMulWeightGrad", "AddLayerNorm"}) {
      EXPECT_EQ(count[gone], 0) << gone;
    }
    const bool first = step == MicroStep::kFirst;
    EXPECT_EQ(accumulated, first ? 0 : 4 * config.depth + 2);
    EXPECT_EQ(added_weights, 0);
  }
}

}  // namespace
}  // namespace backends::cuda

// The nets of a Vision Transformer go through all passes and into a tight plan.
#include <gtest/gtest.h>

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "graph/ir/text.h"
#include "graph/passes/pipeline.h"
#include "graph/runtime/memory_plan.h"
#include "models/training/nets.h"
#include "models/vit/classifier.h"
#include "models/zoo/zoo.h"
#include "tests/graph/passes/pass_testing.h"

namespace graph {
namespace {

std::map<std::string, int> CountOps(const Net& net) {
  std::map<std::string, int> count;
  for (const Op& op : net.ops) ++count[op.type];
  return count;
}

// Runs all passes; twice, as nothing may be left to do.
void Optimize(Net* net, const PipelineOptions& options = {}) {
  for (int run = 0; run < 2; ++run) {
    const auto changed_by = RunPipeline(net, CoreOps(), CpuPasses(options), options);
    ASSERT_TRUE(changed_by.ok()) << changed_by.status();
    if (run == 1) {
      EXPECT_EQ(*changed_by, std::vector<std::string>());
    }
  }
}

// `slack`: how far above the lower bound. With one image most of the arena is packed
// weights and gradients of parameters: few large pieces, which fit less well.
void ExpectTightPlan(const Net& net, double slack = 0.05) {
  const MemoryPlan plan = PlanMemory(net, std::vector<size_t>(net.ops.size(), 0));
  EXPECT_LE(static_cast<double>(plan.arena_bytes),
            (1 + slack) * static_cast<double>(plan.lower_bound_bytes))
      << ExplainPlan(net, plan);
}

class VitNetsTest : public ::testing::Test {
 protected:
  static constexpr int kClasses = 10;
  static models::ModelConfig Base() { return models::ModelConfig(); }
};

TEST_F(VitNetsTest, TrainingNets) {
  using models::MicroStep;
  const models::RecipeConfig recipe = models::TinyRecipe();
  for (const models::ModelConfig& config : {models::TinyStructure(), Base()}) {
    const models::VitClassifier model(config, kClasses);
    for (const int batch : {1, 16}) {
      if (batch == 1 && config.depth > 8) continue;  // a few seconds under sanitizers
      for (const MicroStep step :
           {MicroStep::kWhole, MicroStep::kFirst, MicroStep::kMiddle, MicroStep::kLast}) {
        const int window = step == MicroStep::kWhole ? 1 : 4;
        auto built =
            models::BuildTrainingNet(CoreOps(), model, models::AdamW(recipe), batch, step, window);
        ASSERT_TRUE(built.ok()) << built.status();
        Net net = std::move(built->net);
        Optimize(&net);
        ExpectTightPlan(net, batch == 1 ? 0.1 : 0.05);
        std::map<std::string, int> count = CountOps(net);
        // qkv, proj, fc1, fc2 of each block, patches and head; the activations'
        // derivatives are kept for the gradient.
        EXPECT_EQ(count["PackedLinear"], 4 * config.depth + 2);
        EXPECT_EQ(count["GeluWithDerivative"], config.depth);
        EXPECT_EQ(count["Gelu"], 0);
        EXPECT_EQ(count["GeluGrad"], 0);
        // Each residual but the last has a gradient that skips the norm behind it.
        int skips = 0;
        for (const Op& op : net.ops) skips += op.type == "LayerNormGrad" && op.inputs.size() == 6;
        EXPECT_EQ(skips, 2 * config.depth);
        // Each norm but the first follows a residual; the last sum's class token
        // may be taken before the norm.
        EXPECT_GE(count["AddLayerNorm"], 2 * config.depth - 1);
      }
    }
  }
}

// In bf16: each matrix is cast once, and activations only where f32 ends: the two
// gradients of each block's residuals, patches and their tokens' gradient, the class
// token behind the encoder and its gradient, the logits' gradient.
TEST_F(VitNetsTest, TrainingInLowPrecision) {
  const models::ModelConfig config = models::TinyStructure();
  const models::VitClassifier model(config, kClasses);
  auto built = models::BuildTrainingNet(CoreOps(), model, models::AdamW(models::TinyRecipe()), 16,
                                        models::MicroStep::kWhole, 1);
  ASSERT_TRUE(built.ok()) << built.status();
  Net net = built->net;
  PipelineOptions options;
  options.precision = ComputePrecision::kBF16;
  options.disabled = {"weight_packing"};  // which takes the casts into its packing
  Optimize(&net, options);
  ExpectTightPlan(net);
  const Uses uses(net);
  int matrices = 0, activations = 0;
  for (const Op& op : net.ops) {
    if (op.type == "Linear" || op.type == "GeluWithDerivative" || op.type == "Attention") {
      EXPECT_EQ(net.type(op.inputs[0]).dtype, DType::kBF16) << op.Describe();
      const bool inside = op.name.rfind("blocks.", 0) == 0;
      EXPECT_EQ(net.type(op.outputs[0]).dtype, inside ? DType::kBF16 : DType::kF32)
          << op.Describe();
    } else if (op.type == "AddLayerNorm" || op.type == "LayerNormGrad") {
      EXPECT_EQ(net.type(op.outputs[0]).dtype, DType::kF32) << op.Describe();
    } else if (op.type == "Cast") {
      ++(uses.producer[op.inputs[0]] == kNone ? matrices : activations);
    }
  }
  EXPECT_EQ(matrices, 4 * config.depth + 2);
  EXPECT_EQ(activations, 2 * config.depth + 5) << ToText(net);
  // All passes together, and nothing left to do.
  net = std::move(built->net);
  options.disabled.clear();
  Optimize(&net, options);
  ExpectTightPlan(net);
  EXPECT_EQ(CountOps(net)["Cast"], 2 * config.depth + 5);
}

TEST_F(VitNetsTest, EvaluationAndInitNets) {
  const models::RecipeConfig recipe = models::TinyRecipe();
  const models::ModelConfig config = models::TinyStructure();
  const models::VitClassifier model(config, kClasses);
  auto built = models::BuildEvaluationNet(CoreOps(), model, 8, 0);
  ASSERT_TRUE(built.ok()) << built.status();
  Net net = std::move(built->net);
  Optimize(&net);
  ExpectTightPlan(net);
  std::map<std::string, int> count = CountOps(net);
  EXPECT_EQ(count["PackedLinear"], 4 * config.depth + 2);
  EXPECT_EQ(count["Gelu"], 0) << ToText(net);

  // Equal initial values are no reason to merge the parameters' writers.
  auto training = models::BuildTrainingNet(CoreOps(), model, models::AdamW(recipe), 8,
                                           models::MicroStep::kWhole, 1);
  ASSERT_TRUE(training.ok()) << training.status();
  auto init = models::BuildInitNet(CoreOps(), training->parameters, 1);
  ASSERT_TRUE(init.ok()) << init.status();
  const std::string before = ToText(*init);
  Optimize(&*init);
  EXPECT_EQ(ToText(*init), before);
}

}  // namespace
}  // namespace graph

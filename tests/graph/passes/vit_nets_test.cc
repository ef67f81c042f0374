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
void Optimize(Net* net) {
  for (int run = 0; run < 2; ++run) {
    const auto reports = RunPipeline(net, CoreOps(), DefaultPasses(), PipelineOptions());
    ASSERT_TRUE(reports.ok()) << reports.status();
    for (const PassReport& report : *reports) {
      if (run == 1) {
        EXPECT_FALSE(report.changed) << report.pass;
      }
    }
  }
}

void ExpectTightPlan(const Net& net) {
  const MemoryPlan plan = PlanMemory(net, std::vector<size_t>(net.ops.size(), 0));
  EXPECT_LE(static_cast<double>(plan.arena_bytes),
            1.05 * static_cast<double>(plan.lower_bound_bytes))
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
        auto built = models::BuildTrainingNet(CoreOps(), model, recipe, batch, step, window);
        ASSERT_TRUE(built.ok()) << built.status();
        Net net = std::move(built->net);
        Optimize(&net);
        ExpectTightPlan(net);
        std::map<std::string, int> count = CountOps(net);
        // qkv, proj, fc1, fc2 of each block, patches and head; the activations'
        // derivatives are kept for the gradient.
        EXPECT_EQ(count["Linear"], 4 * config.depth + 2);
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
  EXPECT_EQ(count["Linear"], 4 * config.depth + 2);
  EXPECT_EQ(count["Gelu"], 0) << ToText(net);

  // Equal initial values are no reason to merge the parameters' writers.
  auto training =
      models::BuildTrainingNet(CoreOps(), model, recipe, 8, models::MicroStep::kWhole, 1);
  ASSERT_TRUE(training.ok()) << training.status();
  auto init = models::BuildInitNet(CoreOps(), training->parameters, 1);
  ASSERT_TRUE(init.ok()) << init.status();
  const std::string before = ToText(*init);
  Optimize(&*init);
  EXPECT_EQ(ToText(*init), before);
}

}  // namespace
}  // namespace graph
